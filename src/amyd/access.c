/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "access.h"
#include "subject.h"

const char *
access_denies(const struct session *session, enum access_action action,
              const struct amy_bytes *subject)
{
	(void)session;
	switch (action) {
	case ACCESS_PUBLISH:
		if (subject_is_reserved(subject->bytes, subject->nbytes))
			return "_amyd is the daemon's own";
		return NULL;
	case ACCESS_SUBSCRIBE:
	case ACCESS_LOOK:
		return NULL;
	}
	return "it is not known";
}

# SPDX-License-Identifier: MIT
# Folders that contain others, such as $(sbindir), are only known to make in full.

EXTRA_DIST += %D%/amyd.service.in
CLEANFILES += %D%/amyd.service

if HAVE_SYSTEMD
systemdsystemunit_DATA = %D%/amyd.service
endif

%D%/amyd.service: %D%/amyd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	sed -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		'$(srcdir)/%D%/amyd.service.in' >$@.new && mv $@.new $@

/* SPDX-License-Identifier: MIT */
/*
 * What one line means. All that the parser points to lies within the line, and what it takes for
 * good is within its bounds.
 */
#include "fuzz.h"
#include "protocol.h"
#include "subject.h"

static void
check_within(const char *part, size_t npart, const char *whole, size_t nwhole)
{
	FUZZ_CHECK(npart == 0 || (part >= whole && npart <= nwhole &&
	                          (size_t)(part - whole) <= nwhole - npart));
}

static void
check_follow(const char *args, size_t nargs)
{
	struct protocol_follow follow;

	if (protocol_parse_sub(args, nargs, &follow) == NULL) {
		check_within(follow.pattern.bytes, follow.pattern.nbytes, args, nargs);
		check_within(follow.group.bytes, follow.group.nbytes, args, nargs);
		FUZZ_CHECK(follow.group.nbytes <= 64);
		FUZZ_CHECK(!follow.has_within || follow.within_ms >= 0);
	}
	if (protocol_parse_read(args, nargs, &follow) == NULL) {
		check_within(follow.pattern.bytes, follow.pattern.nbytes, args, nargs);
		FUZZ_CHECK(follow.since != PROTOCOL_SINCE_TIME || follow.since_ms >= 0);
	}
}

static void
check_set(const char *args, size_t nargs)
{
	struct protocol_set set = { .setting = PROTOCOL_SET_ACK };

	if (protocol_parse_set(args, nargs, &set) != NULL)
		return;
	if (set.setting == PROTOCOL_SET_SHOW)
		FUZZ_CHECK((set.show & ~(unsigned)PROTOCOL_SHOW_ALL) == 0);
	if (set.setting == PROTOCOL_SET_TIMEOUT)
		FUZZ_CHECK(set.timeout_ms >= 1 && set.timeout_ms <= 24 * 60 * 60 * 1000);
}

/* A delivery fits into what was asked for it, and is one line of the text's own bytes. */
static void
check_delivery(struct amy_bytes subject, struct amy_bytes text, unsigned show, bool raw)
{
	struct publication publication = { .seq = UINT64_MAX,
		                           .wall_ms = INT64_C(1795000000123),
		                           .subject = subject,
		                           .text = text,
		                           .from = { "@alice", 6 } };
	size_t room = protocol_delivery_size(&publication);
	char *bytes = malloc(room);
	size_t n;

	FUZZ_CHECK(bytes != NULL);
	n = protocol_write_delivery(&publication, show, raw, bytes);
	FUZZ_CHECK(n <= room && n > text.nbytes && bytes[n - 1] == '\n');
	FUZZ_CHECK(text.nbytes == 0 ||
	           memcmp(bytes + n - 1 - text.nbytes, text.bytes, text.nbytes) == 0);
	free(bytes);
}

static void
check_pub(const char *args, size_t nargs)
{
	struct protocol_split split;
	uint64_t number;

	protocol_split(args, nargs, &split);
	check_within(split.first, split.nfirst, args, nargs);
	check_within(split.rest, split.nrest, args, nargs);
	FUZZ_CHECK(split.nfirst + split.nrest <= nargs);
	if (protocol_parse_request(split.first, split.nfirst, &number) == 0)
		FUZZ_CHECK(number >= 1);
	if (subject_check(split.first, split.nfirst) != NULL)
		return;
	for (unsigned show = 0; show <= PROTOCOL_SHOW_ALL; show++)
		check_delivery((struct amy_bytes){ split.first, split.nfirst },
		               (struct amy_bytes){ split.rest, split.nrest }, show, show == 0);
}

static void
check_command(const struct command *command, const char *line, size_t nbytes)
{
	char head[PROTOCOL_MAX_HEAD];

	check_within(command->tag, command->ntag, line, nbytes);
	check_within(command->word, command->nword, line, nbytes);
	FUZZ_CHECK(command->ntag <= PROTOCOL_MAX_TAG);
	FUZZ_CHECK(strlen(protocol_write_tag(command->tag, command->ntag, head)) ==
	           (command->ntag == 0 ? 0 : command->ntag + 2));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = fuzz_copy(data, size);
	struct command command;
	enum protocol_result result;

	protocol_is_http(line, size, true);
	protocol_is_http(line, size, false);
	result = protocol_parse(line, size, &command);
	if (result == PROTOCOL_COMMAND || result == PROTOCOL_UNKNOWN)
		check_command(&command, line, size);
	if (result == PROTOCOL_COMMAND) {
		FUZZ_CHECK(command.verb < VERB_COUNT);
		FUZZ_CHECK(protocol_find_verb(command.word, command.nword) == command.verb);
		check_within(command.args, command.nargs, line, size);
		check_follow(command.args, command.nargs);
		check_set(command.args, command.nargs);
		check_pub(command.args, command.nargs);
	}
	free(line);
	return 0;
}

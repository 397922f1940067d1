#!/bin/sh
# SPDX-License-Identifier: MIT
# All of libamy, amyd and amybench compiles with musl's headers, without a warning. The headers of
# libConfuse, PCRE2, libmicrohttpd and Linux are those of this system: they are the same anywhere. Nothing
# is linked or run, for there are no such libraries for musl here.
. "${top_srcdir:-.}/tests/lib.sh"

need musl-gcc
[ "$KERNEL" = epoll ] || skip_all "libkqueue is not for musl here"

mkdir "$work/include"
for header in confuse pcre2 microhttpd; do
	[ ! -e "/usr/include/$header.h" ] || ln -s "/usr/include/$header.h" "$work/include"
done
# And the kernel's, which musl leaves to whoever has them.
for folder in linux asm-generic asm; do
	for at in /usr/include "/usr/include/$(cc -print-multiarch)"; do
		[ ! -d "$at/$folder" ] || ln -sfn "$at/$folder" "$work/include/$folder"
	done
done
[ -e "$work/include/linux/sockios.h" ] || skip_all "there are no headers of Linux"

# compiles FILE
compiles()
{
	musl-gcc -std=gnu11 -fsyntax-only -Wall -Wextra -Werror -DHAVE_CONFIG_H \
	    -DSYSCONFDIR='"/etc"' -D_GNU_SOURCE -I"$top_builddir" -I"$top_srcdir/src/compat" \
	    -I"$top_srcdir/src/libamy" -I"$top_srcdir/src/amyd" -I"$top_srcdir/src/amybench" \
	    -isystem "$work/include" "$1"
}

for folder in libamy amyd amybench; do
	for file in "$top_srcdir/src/$folder"/*.c; do
		case ${file##*/} in
		*kqueue*) continue ;;
		http_thread.c | mhd.c) [ -e "$work/include/microhttpd.h" ] || continue ;;
		esac
		compiles "$file" || echo "$file"
	done >"$work/$folder" 2>&1
	check "$folder compiles with musl" sh -c 'cat "$1"; [ ! -s "$1" ]' - "$work/$folder"
done

# The lists that stand in for queue(3)'s do what those do.
cat >"$work/lists.c" <<'END'
#include <sys/queue.h>
#include <stdio.h>

struct item {
	int n;
	SLIST_ENTRY(item) s;
	STAILQ_ENTRY(item) st;
	LIST_ENTRY(item) l;
	TAILQ_ENTRY(item) t;
};
SLIST_HEAD(s_head, item);
STAILQ_HEAD(st_head, item);
LIST_HEAD(l_head, item);
TAILQ_HEAD(t_head, item);

#define SHOW(kind, head, field)                        \
	do {                                           \
		printf(#kind);                         \
		kind##_FOREACH(p, head, field)         \
			printf(" %d", p->n);           \
		printf("%s\n", kind##_EMPTY(head) ? " none" : ""); \
	} while (0)

int
main(void)
{
	static struct item items[5];
	struct s_head s = SLIST_HEAD_INITIALIZER(s);
	struct st_head st = STAILQ_HEAD_INITIALIZER(st), more = STAILQ_HEAD_INITIALIZER(more);
	struct l_head l = LIST_HEAD_INITIALIZER(l);
	struct t_head t = TAILQ_HEAD_INITIALIZER(t);
	struct item *p;

	for (int i = 0; i < 5; i++) {
		items[i].n = i;
		SLIST_INSERT_HEAD(&s, &items[i], s);
		STAILQ_INSERT_TAIL(&st, &items[i], st);
		LIST_INSERT_HEAD(&l, &items[i], l);
		TAILQ_INSERT_TAIL(&t, &items[i], t);
	}
	for (int round = 0; round < 5; round++) {
		static const int order[] = { 2, 4, 0, 3, 1 };
		struct item *item = &items[order[round]];

		SHOW(SLIST, &s, s);
		SHOW(STAILQ, &st, st);
		SHOW(LIST, &l, l);
		SHOW(TAILQ, &t, t);
		printf("last %d\n", TAILQ_LAST(&t, t_head)->n);
		SLIST_REMOVE(&s, item, item, s);
		STAILQ_REMOVE(&st, item, item, st);
		LIST_REMOVE(item, l);
		TAILQ_REMOVE(&t, item, t);
		STAILQ_INSERT_TAIL(&more, item, st);
	}
	SHOW(SLIST, &s, s);
	SHOW(STAILQ, &st, st);
	SHOW(LIST, &l, l);
	SHOW(TAILQ, &t, t);
	for (int i = 0; i < 2; i++) {
		STAILQ_CONCAT(&st, &more);
		SHOW(STAILQ, &st, st);
		SHOW(STAILQ, &more, st);
	}
	STAILQ_REMOVE_HEAD(&st, st);
	STAILQ_INSERT_TAIL(&st, &items[2], st);
	SHOW(STAILQ, &st, st);
	return 0;
}
END
cc -o "$work/lists" "$work/lists.c" && "$work/lists" >"$work/expected"
musl-gcc -static -I"$top_srcdir/src/compat" -o "$work/lists_musl" "$work/lists.c" 2>"$work/why" &&
    "$work/lists_musl" >"$work/actual"
same "the lists of src/compat are those of queue(3)" "$work/expected" "$work/actual"

done_testing

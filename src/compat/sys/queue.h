/* SPDX-License-Identifier: MIT */
/*
 * sys/queue.h - the lists of queue(3), for C libraries that have no such header, as musl. configure
 * puts this folder into the search path only there. It has what this tree uses, and no more.
 *
 * SLIST: singly linked. STAILQ: with a tail. LIST: doubly linked. TAILQ: doubly, with a tail.
 */
#ifndef AMY_COMPAT_SYS_QUEUE_H
#define AMY_COMPAT_SYS_QUEUE_H

#include <stddef.h>

#define AMY_QUEUE_LOOP(variable, first, next)                                                \
	for ((variable) = (first); (variable) != NULL; (variable) = (next))

/* ---- SLIST ------------------------------------------------------------------------- */

#define SLIST_HEAD(name, type)                                                               \
	struct name {                                                                        \
		struct type *slh_first;                                                      \
	}
#define SLIST_HEAD_INITIALIZER(head) { NULL }
#define SLIST_ENTRY(type)                                                                    \
	struct {                                                                             \
		struct type *sle_next;                                                       \
	}
#define SLIST_INIT(head) ((head)->slh_first = NULL)
#define SLIST_FIRST(head) ((head)->slh_first)
#define SLIST_EMPTY(head) (SLIST_FIRST(head) == NULL)
#define SLIST_NEXT(element, field) ((element)->field.sle_next)
#define SLIST_FOREACH(variable, head, field)                                                 \
	AMY_QUEUE_LOOP(variable, SLIST_FIRST(head), SLIST_NEXT(variable, field))
#define SLIST_INSERT_HEAD(head, element, field)                                              \
	do {                                                                                 \
		SLIST_NEXT(element, field) = SLIST_FIRST(head);                              \
		SLIST_FIRST(head) = (element);                                               \
	} while (0)
#define SLIST_REMOVE_HEAD(head, field)                                                       \
	(SLIST_FIRST(head) = SLIST_NEXT(SLIST_FIRST(head), field))
#define SLIST_REMOVE(head, element, type, field)                                             \
	do {                                                                                 \
		struct type **amy_link = &SLIST_FIRST(head);                                 \
		while (*amy_link != (element))                                               \
			amy_link = &SLIST_NEXT(*amy_link, field);                            \
		*amy_link = SLIST_NEXT(*amy_link, field);                                    \
	} while (0)

/* ---- STAILQ ------------------------------------------------------------------------ */

#define STAILQ_HEAD(name, type)                                                              \
	struct name {                                                                        \
		struct type *stqh_first;                                                     \
		struct type **stqh_last; /* the link that ends it */                         \
	}
#define STAILQ_HEAD_INITIALIZER(head) { NULL, &(head).stqh_first }
#define STAILQ_ENTRY(type)                                                                   \
	struct {                                                                             \
		struct type *stqe_next;                                                      \
	}
#define STAILQ_INIT(head)                                                                    \
	((head)->stqh_first = NULL, (head)->stqh_last = &(head)->stqh_first)
#define STAILQ_FIRST(head) ((head)->stqh_first)
#define STAILQ_EMPTY(head) (STAILQ_FIRST(head) == NULL)
#define STAILQ_NEXT(element, field) ((element)->field.stqe_next)
#define STAILQ_FOREACH(variable, head, field)                                                \
	AMY_QUEUE_LOOP(variable, STAILQ_FIRST(head), STAILQ_NEXT(variable, field))
#define STAILQ_INSERT_TAIL(head, element, field)                                             \
	do {                                                                                 \
		STAILQ_NEXT(element, field) = NULL;                                          \
		*(head)->stqh_last = (element);                                              \
		(head)->stqh_last = &STAILQ_NEXT(element, field);                            \
	} while (0)
#define STAILQ_INSERT_HEAD(head, element, field)                                             \
	do {                                                                                 \
		STAILQ_NEXT(element, field) = STAILQ_FIRST(head);                            \
		if (STAILQ_EMPTY(head))                                                      \
			(head)->stqh_last = &STAILQ_NEXT(element, field);                    \
		STAILQ_FIRST(head) = (element);                                              \
	} while (0)
#define STAILQ_REMOVE_HEAD(head, field)                                                      \
	do {                                                                                 \
		STAILQ_FIRST(head) = STAILQ_NEXT(STAILQ_FIRST(head), field);                 \
		if (STAILQ_EMPTY(head))                                                      \
			(head)->stqh_last = &STAILQ_FIRST(head);                             \
	} while (0)
#define STAILQ_REMOVE(head, element, type, field)                                            \
	do {                                                                                 \
		struct type **amy_link = &STAILQ_FIRST(head);                                \
		while (*amy_link != (element))                                               \
			amy_link = &STAILQ_NEXT(*amy_link, field);                           \
		*amy_link = STAILQ_NEXT(*amy_link, field);                                   \
		if (*amy_link == NULL)                                                       \
			(head)->stqh_last = amy_link;                                        \
	} while (0)
#define STAILQ_CONCAT(head, other)                                                           \
	do {                                                                                 \
		if (!STAILQ_EMPTY(other)) {                                                  \
			*(head)->stqh_last = STAILQ_FIRST(other);                            \
			(head)->stqh_last = (other)->stqh_last;                              \
			STAILQ_INIT(other);                                                  \
		}                                                                            \
	} while (0)

/* ---- LIST -------------------------------------------------------------------------- */

#define LIST_HEAD(name, type)                                                                \
	struct name {                                                                        \
		struct type *lh_first;                                                       \
	}
#define LIST_HEAD_INITIALIZER(head) { NULL }
#define LIST_ENTRY(type)                                                                     \
	struct {                                                                             \
		struct type *le_next;                                                        \
		struct type **le_prev; /* the link that leads here */                        \
	}
#define LIST_INIT(head) ((head)->lh_first = NULL)
#define LIST_FIRST(head) ((head)->lh_first)
#define LIST_EMPTY(head) (LIST_FIRST(head) == NULL)
#define LIST_NEXT(element, field) ((element)->field.le_next)
#define LIST_FOREACH(variable, head, field)                                                  \
	AMY_QUEUE_LOOP(variable, LIST_FIRST(head), LIST_NEXT(variable, field))
#define LIST_INSERT_HEAD(head, element, field)                                               \
	do {                                                                                 \
		LIST_NEXT(element, field) = LIST_FIRST(head);                                \
		if (!LIST_EMPTY(head))                                                       \
			LIST_FIRST(head)->field.le_prev = &LIST_NEXT(element, field);        \
		LIST_FIRST(head) = (element);                                                \
		(element)->field.le_prev = &LIST_FIRST(head);                                \
	} while (0)
#define LIST_REMOVE(element, field)                                                          \
	do {                                                                                 \
		if (LIST_NEXT(element, field) != NULL)                                       \
			LIST_NEXT(element, field)->field.le_prev = (element)->field.le_prev; \
		*(element)->field.le_prev = LIST_NEXT(element, field);                       \
	} while (0)

/* ---- TAILQ ------------------------------------------------------------------------- */

#define TAILQ_HEAD(name, type)                                                               \
	struct name {                                                                        \
		struct type *tqh_first;                                                      \
		struct type **tqh_last;                                                      \
	}
#define TAILQ_HEAD_INITIALIZER(head) { NULL, &(head).tqh_first }
#define TAILQ_ENTRY(type)                                                                    \
	struct {                                                                             \
		struct type *tqe_next;                                                       \
		struct type **tqe_prev;                                                      \
	}
#define TAILQ_INIT(head) ((head)->tqh_first = NULL, (head)->tqh_last = &(head)->tqh_first)
#define TAILQ_FIRST(head) ((head)->tqh_first)
#define TAILQ_EMPTY(head) (TAILQ_FIRST(head) == NULL)
#define TAILQ_NEXT(element, field) ((element)->field.tqe_next)
/* A head and an entry begin with the same two links, so the last link is of either. */
#define TAILQ_LAST(head, name) (*(((struct name *)((head)->tqh_last))->tqh_last))
#define TAILQ_FOREACH(variable, head, field)                                                 \
	AMY_QUEUE_LOOP(variable, TAILQ_FIRST(head), TAILQ_NEXT(variable, field))
#define TAILQ_INSERT_TAIL(head, element, field)                                              \
	do {                                                                                 \
		TAILQ_NEXT(element, field) = NULL;                                           \
		(element)->field.tqe_prev = (head)->tqh_last;                                \
		*(head)->tqh_last = (element);                                               \
		(head)->tqh_last = &TAILQ_NEXT(element, field);                              \
	} while (0)
#define TAILQ_REMOVE(head, element, field)                                                   \
	do {                                                                                 \
		if (TAILQ_NEXT(element, field) != NULL)                                      \
			TAILQ_NEXT(element, field)->field.tqe_prev =                         \
			    (element)->field.tqe_prev;                                       \
		else                                                                         \
			(head)->tqh_last = (element)->field.tqe_prev;                        \
		*(element)->field.tqe_prev = TAILQ_NEXT(element, field);                     \
	} while (0)

#endif

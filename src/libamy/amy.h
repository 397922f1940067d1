/* SPDX-License-Identifier: MIT */
/*
 * amy.h - registration, polling and handling of descriptors on different threads.
 *
 * A registration ties a descriptor, an interest and the caller's data together. At any
 * moment it has one owner: the kernel (it is armed) or one thread (it has fired, or was
 * never armed). Every registration is one-shot: it reports one event and is then the
 * thread's that was told, until that thread re-arms or ends it.
 *
 *      any thread                    the poller's thread             whoever was told
 *      ----------                    -------------------             ----------------
 *      amy_registrar_register  ──▶   amy_poller_wait            ──▶  read, write, compute
 *      (armed: the kernel has it)    (fired: this thread has it)     amy_registrar_rearm  (the kernel has it again)
 *                                                                    or amy_registrar_deregister, close(2)
 *
 * Threads: an object is used by one thread at a time, except where a function says
 *          "Any thread."
 * Errors:  -1 or NULL, with errno set to one of the values named. libamy never prints,
 *          logs, exits, or changes signal masks, and never closes a descriptor that it
 *          did not open.
 * The idea of separating the three is that of the Rust crate "amy".
 */
#ifndef AMY_H
#define AMY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AMY_API __attribute__((visibility("default")))
#else
#define AMY_API
#endif

/*
 * Interest (what to wait for) and events (what happened), or-ed together.
 *
 *              as interest                              as event
 * AMY_READ     tell when reading would not block        reading will not block: bytes, or the end of input
 * AMY_WRITE    tell when writing would not block        writing will not block
 * AMY_HUP      only tell of a hang-up or an error       with AMY_READ in the interest: the peer sends no more;
 *                                                       in any case: both directions are closed
 * AMY_ERROR    the same as AMY_HUP                      the descriptor has an error; read(2) or SO_ERROR says which
 *
 * AMY_HUP and AMY_ERROR are reported whatever the interest was. After AMY_HUP read
 * until the end of input before asking for AMY_READ again: the end of input stays
 * readable for ever.
 */
enum {
	AMY_READ  = 1,
	AMY_WRITE = 2,
	AMY_BOTH  = AMY_READ | AMY_WRITE,
	AMY_HUP   = 4,
	AMY_ERROR = 8,
};

/*
 * One registration. Never 0, and never used twice in the life of a poller; a
 * descriptor's number is no identity.
 */
typedef uint64_t amy_id;

/*
 * The registration's place among those of its poller: small, dense, given to another
 * one after this one ended. For indexing an array; compare the whole id with the one
 * stored there. Any thread.
 */
static inline uint32_t
amy_id_index(amy_id id)
{
	return (uint32_t)(id & 0xffffffu);
}

/* ---- Poller: waits, on a thread of its own ----------------------------------------- */

/*
 * Owner: whoever created it. Any number of threads may be in amy_poller_wait() at once.
 */
struct amy_poller;

/*
 * What amy_poller_wait() tells: the registration, the data given when it was
 * registered, and AMY_ events.
 */
struct amy_notification {
	amy_id   id;
	void    *data;
	unsigned events;
};

/*
 * Make a poller. Errors: EMFILE, ENFILE, ENOMEM.
 */
AMY_API struct amy_poller *amy_poller_create(void);

/*
 * Destroy a poller; NULL is fine. Nobody may be in amy_poller_wait(), nor call it
 * again. Registrations that are left report nothing any more; their descriptors and
 * data were and are the caller's. Registrars may be destroyed later.
 */
AMY_API void amy_poller_destroy(struct amy_poller *poller);

/*
 * Wait for events. Fills at most max (1 or more; above 256 counts as 256) notifications
 * and returns how many, 0 when timeout_ms milliseconds have passed (0: do not wait;
 * negative: wait for ever). Interruption by a signal is not an error: it goes on
 * waiting for what is left of the time. Allocates nothing.
 *
 * Each registration named in a notification belongs to the caller from now on: exactly
 * one thread is told, and is told nothing more of it until it was re-armed. An event of
 * a registration that was taken back or ended in the meantime is dropped here and never
 * delivered.
 *
 * Errors: EINVAL (max is not positive). Any thread.
 */
AMY_API int amy_poller_wait(struct amy_poller *poller,
                            struct amy_notification *notifications, int max,
                            int timeout_ms);

/* ---- Registrar: registers, from any thread ----------------------------------------- */

/*
 * Owner: whoever created it; any number per poller. Its functions never wake the
 * poller: the kernel is the channel.
 */
struct amy_registrar;

/*
 * Make a registrar of a poller. It may outlive the poller: what it registers then is
 * never reported.
 * Errors: ENOMEM. Any thread, while the poller exists.
 */
AMY_API struct amy_registrar *amy_registrar_create(struct amy_poller *poller);

/* Destroy a registrar; NULL is fine. Its registrations stay. Nobody may be using it. */
AMY_API void amy_registrar_destroy(struct amy_registrar *registrar);

/*
 * Register fd (which should be non-blocking) with the caller's data, and store the new
 * id, before it can fire, in *id. With interest (AMY_ bits) it is armed at once, and
 * from then on the kernel's: its first event may be delivered to another thread before
 * this call returns. With interest 0 it is left disarmed and belongs to the caller,
 * who, or whose successor, arms it with amy_registrar_rearm(); the kernel does not know
 * it until then.
 *
 * The descriptor and the data stay the caller's property: libamy hands the data back in
 * notifications and nothing more. End the registration before closing the descriptor.
 * On failure nothing was registered.
 *
 * Errors: EINVAL (interest has other bits), ENOMEM, EMFILE (16,777,215 registrations);
 * when armed: EBADF, EEXIST (fd is registered already), EPERM (fd cannot be polled,
 * such as a regular file), ENOSPC (fs.epoll.max_user_watches). Any thread.
 */
AMY_API int amy_registrar_register(struct amy_registrar *registrar, int fd,
                                   unsigned interest, void *data, amy_id *id);

/*
 * Arm a registration that the caller owns, for one event; it is the kernel's when 0 is
 * returned, and may fire, on another thread, before this call returns: let it be the
 * last thing done with the registration and all it stands for. Readiness is looked at
 * anew, so what arrived in between is not lost. On failure the caller still owns it.
 *
 * Errors: EINVAL (no interest, other bits, or an id that was ended or never was), EBUSY
 * (not owned by a thread: it is armed), and, as for amy_registrar_register(), EBADF,
 * EEXIST, EPERM, ENOSPC, ENOMEM.
 * Any thread that owns the registration.
 */
AMY_API int amy_registrar_rearm(struct amy_registrar *registrar, amy_id id,
                                unsigned interest);

/*
 * Take an armed registration back from the kernel, to change its interest or to end it.
 * On 0 the caller owns it, and no event of it is under way. EBUSY: it is not armed: it
 * has fired and its notification is being, or has been, delivered to a thread, which
 * owns it; or a thread is just arming it.
 *
 * Errors: EBUSY, EINVAL (an id that was ended or never was). Any thread.
 */
AMY_API int amy_registrar_take(struct amy_registrar *registrar, amy_id id);

/*
 * End a registration that the caller owns. Its id is never used again, and nothing is
 * ever delivered for it. The descriptor is still open and the caller's: closing it is
 * the next step.
 *
 * Errors: EINVAL (an id that was ended or never was), EBUSY (armed: take it first; or
 * owned by another thread that is arming it). Any thread that owns the registration.
 */
AMY_API int amy_registrar_deregister(struct amy_registrar *registrar, amy_id id);

/* ---- Line reader: bytes to lines --------------------------------------------------- */

/*
 * Some bytes, of any values, not NUL-terminated. Of a line that amy_line_reader_next()
 * returned, the LF is not counted, but follows at bytes[nbytes].
 */
struct amy_line {
	const char *bytes;
	size_t      nbytes;
};

/*
 * Splits a stream of bytes into lines. It does no I/O: the caller reads, from whatever
 * there is, into a buffer of its own, which may serve any number of readers; lines are
 * pointers into that buffer, and only an incomplete line at its end is copied. An idle
 * reader holds no memory but this struct.
 *
 *      while ((n = read(fd, buffer, sizeof buffer)) > 0) {
 *              amy_line_reader_feed(&reader, buffer, n);
 *              while ((rc = amy_line_reader_next(&reader, &line)) != 0)
 *                      if (rc > 0)
 *                              use(line.bytes, line.nbytes);
 *                      else if (errno == EMSGSIZE)
 *                              complain();          // once a line; the next line works
 *                      else
 *                              break;               // ENOMEM
 *      }
 *
 * Owner: whoever holds the storage; one thread at a time. The fields are libamy's.
 */
struct amy_line_reader {
	char       *kept;         /* what could not be left in the caller's buffer; freed when used up */
	const char *chunk;        /* the caller's bytes, borrowed, not yet looked at */
	size_t      nchunk;
	uint32_t    start;        /* kept[start..end) is yet to be returned */
	uint32_t    end;
	uint32_t    capacity;
	uint32_t    scanned;      /* kept[start..start+scanned) has no LF */
	uint32_t    max_line;
	uint32_t    last;         /* bytes of the line last returned, LF included */
	bool        last_kept;    /* it was in kept */
	bool        discarding;   /* inside a line that is too long */
};

/*
 * Start a reader of lines of at most max_line bytes (1 to 1 GiB; out of range counts as
 * the nearest), LF not counted.
 */
AMY_API void amy_line_reader_init(struct amy_line_reader *reader, size_t max_line);

/* Free what it holds. The storage is the caller's. */
AMY_API void amy_line_reader_fini(struct amy_line_reader *reader);

/*
 * Lend the reader nbytes (at most 1 GiB) at bytes. They must stay as they are until
 * amy_line_reader_next() returned 0 or amy_line_reader_keep() was called. Errors: EBUSY
 * (bytes lent before are not used up), EINVAL (too many).
 */
AMY_API int amy_line_reader_feed(struct amy_line_reader *reader, const void *bytes,
                                 size_t nbytes);

/*
 * The next complete line: 1, and *line, valid until the next call on this reader. 0: no
 * complete line is left; the lent bytes are used up, an incomplete line among them was
 * copied. -1: EMSGSIZE: a line was longer than max_line: said once for each such line,
 * its bytes are dropped up to its LF; go on calling. ENOMEM: the incomplete line could
 * not be kept; the bytes are still lent.
 */
AMY_API int amy_line_reader_next(struct amy_line_reader *reader, struct amy_line *line);

/*
 * Undo the amy_line_reader_next() before: the same line comes again. Only directly
 * after it returned 1.
 */
AMY_API void amy_line_reader_unget(struct amy_line_reader *reader);

/*
 * Stop early: copy what is left of the lent bytes, complete lines too, so that the
 * caller has its buffer back. amy_line_reader_next() goes on where it was. Errors:
 * ENOMEM (the bytes are still lent).
 */
AMY_API int amy_line_reader_keep(struct amy_line_reader *reader);

/*
 * At the end of input: 1, and in *line the last, unterminated line (no LF follows it);
 * 0: there is none.
 */
AMY_API int amy_line_reader_finish(struct amy_line_reader *reader,
                                   struct amy_line *line);

/*
 * True if a complete line, or the news of one too long, may be had from
 * amy_line_reader_next() without feeding.
 */
AMY_API bool amy_line_reader_has_line(const struct amy_line_reader *reader);

/* ---- Line writer: lines to bytes --------------------------------------------------- */

/*
 * A bounded queue of bytes on their way out, filled by whole lines. It does no I/O: the
 * caller writes what amy_line_writer_pending() shows and says with
 * amy_line_writer_consume() how much went. Empty, it holds no memory but this struct.
 *
 * Owner: whoever holds the storage; one thread at a time. The fields are libamy's.
 */
struct amy_line_writer {
	char    *buffer;
	uint32_t start;           /* buffer[start..end) is pending */
	uint32_t end;
	uint32_t capacity;
	uint32_t limit;
};

/*
 * Start a writer that holds at most limit bytes (1 to 1 GiB; out of range counts as the
 * nearest).
 */
AMY_API void amy_line_writer_init(struct amy_line_writer *writer, size_t limit);

/* Free what it holds, pending bytes too. The storage is the caller's. */
AMY_API void amy_line_writer_fini(struct amy_line_writer *writer);

/*
 * Queue a line: nbytes at bytes (copied), then LF. All of it or nothing.
 * Errors: ENOBUFS (more than the limit would be pending), ENOMEM.
 */
AMY_API int amy_line_writer_put(struct amy_line_writer *writer, const void *bytes,
                                size_t nbytes);

/*
 * Queue one line made of pieces: the bytes (copied) of the npieces in order, then LF. All
 * of it or nothing. Errors: as amy_line_writer_put().
 */
AMY_API int amy_line_writer_putv(struct amy_line_writer *writer,
                                 const struct amy_line *pieces, size_t npieces);

/*
 * Queue nbytes at bytes (copied) as they are, without LF. All or nothing. Errors: as
 * amy_line_writer_put().
 */
AMY_API int amy_line_writer_append(struct amy_line_writer *writer, const void *bytes,
                                   size_t nbytes);

/*
 * How many bytes are pending; *bytes, unless NULL, points at the first, valid until the
 * next call on this writer.
 */
AMY_API size_t amy_line_writer_pending(const struct amy_line_writer *writer,
                                       const char **bytes);

/* Forget all that is pending but the first nbytes. */
AMY_API void amy_line_writer_truncate(struct amy_line_writer *writer, size_t nbytes);

/* The first nbytes (at most what is pending) were written: forget them. */
AMY_API void amy_line_writer_consume(struct amy_line_writer *writer, size_t nbytes);

#ifdef __cplusplus
}
#endif

#endif

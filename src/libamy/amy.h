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

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/select.h> /* sigset_t, in strict C, too */
#include <sys/socket.h>
#include <sys/types.h>

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
 * AMY_TIMER    (of a timer)                             it is time
 * AMY_USER     (of a user event)                        it was triggered
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
	AMY_TIMER = 16,
	AMY_USER  = 32,
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
 * registered, and AMY_ events. count: how often it happened since it was told of before:
 * the beats of a timer, the triggers of a user event; 1 for a descriptor. It stops at
 * UINT_MAX.
 */
struct amy_notification {
	amy_id   id;
	void    *data;
	unsigned events;
	unsigned count;
};

/*
 * Make a poller. Errors: EMFILE, ENFILE, ENOMEM.
 */
AMY_API struct amy_poller *amy_poller_create(void);

/*
 * Make room for as many registrations at once as are named, so that none of them
 * allocates: nregistrations of all kinds (up to 16,777,215), ntimers of them timers and
 * user events. Room is never given back before the poller is destroyed. On failure there is
 * room for as many as before, or more.
 *
 * Errors: EINVAL (more than there can be), EMFILE, ENFILE (ntimers is not 0, and there is
 * no descriptor for what timers need), ENOMEM. Any thread.
 */
AMY_API int amy_poller_reserve(struct amy_poller *poller, uint32_t nregistrations,
                               uint32_t ntimers);

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
 * such as a regular file), ENOSPC (fs.epoll.max_user_watches), ECANCELED (another thread
 * read *id and cancelled it before this call was done). Any thread.
 */
AMY_API int amy_registrar_register(struct amy_registrar *registrar, int fd,
                                   unsigned interest, void *data, amy_id *id);

/*
 * Register a timer: a registration without a descriptor, in which AMY_TIMER happens when
 * delay_us microseconds have passed (0: at once), by CLOCK_MONOTONIC. interval_us is 0 for a
 * timer that goes off once, or the time from one beat to the next. It is armed at once; for
 * all the rest it is as any other registration, and one-shot: who was told owns it until it
 * is armed again. So no two threads are ever told of one timer at the same time, and the
 * beats of a slow one do not pile up:
 *
 * amy_registrar_rearm(registrar, id, AMY_TIMER)   with an interval: for the next beat of a
 *                                                 steady row, of which none is lost, not
 *                                                 even if it was taken in between. Those
 *                                                 that have passed by then are told at once
 *                                                 as one, in count. Without: delay_us from now.
 * amy_registrar_rearm_timer()                     other times, from now on
 * amy_registrar_take()                            stop it; any thread
 * amy_registrar_cancel()                          stop and end it; any thread
 * amy_registrar_deregister()                      end it; its owner
 *
 * Timers cost no descriptor and, until they are due, no system call but one for the
 * poller's earliest: they stand in a heap, so arming takes O(log n).
 *
 * Errors: EINVAL (negative, or more than 100 years), ENOMEM, EMFILE (as for
 * amy_registrar_register(), or, like ENFILE, no descriptor is left for the poller's first
 * timer). Any thread.
 */
AMY_API int amy_registrar_register_timer(struct amy_registrar *registrar, int64_t delay_us,
                                         int64_t interval_us, void *data, amy_id *id);

/*
 * Arm a timer that the caller owns, with new times, as amy_registrar_register_timer() does:
 * the first one is delay_us from now. Errors: EINVAL (as there; or not a timer), EBUSY,
 * ECANCELED (as for amy_registrar_rearm()). Any thread that owns the registration.
 */
AMY_API int amy_registrar_rearm_timer(struct amy_registrar *registrar, amy_id id,
                                      int64_t delay_us, int64_t interval_us);

/*
 * Register a user event: a registration without a descriptor, in which AMY_USER happens
 * when a thread says so. It is armed at once. Errors: ENOMEM, EMFILE, ENFILE, as for
 * amy_registrar_register_timer(). Any thread.
 */
AMY_API int amy_registrar_register_event(struct amy_registrar *registrar, void *data,
                                         amy_id *id);

/*
 * Trigger a user event. Armed, it fires. If it is owned by a thread the trigger is kept:
 * the event fires once it is armed, with the number of triggers in count. So none is lost,
 * and many cost one notification. Errors: EINVAL (an id that was ended or never was, or is
 * no user event). Any thread, the owner or not.
 */
AMY_API int amy_registrar_trigger(struct amy_registrar *registrar, amy_id id);

/*
 * Arm a registration that the caller owns, for one event; it is the kernel's when 0 is
 * returned, and may fire, on another thread, before this call returns: let it be the
 * last thing done with the registration and all it stands for. Readiness is looked at
 * anew, so what arrived in between is not lost. On failure the caller still owns it.
 *
 * The interest of a timer is AMY_TIMER, that of a user event AMY_USER.
 *
 * Errors: EINVAL (no interest, other bits, or an id that was ended or never was), EBUSY
 * (not owned by a thread: it is armed), ECANCELED (amy_registrar_cancel() has left it to
 * its owner: the caller still owns it, and can only end it), and, as for
 * amy_registrar_register(), EBADF, EEXIST, EPERM, ENOSPC, ENOMEM.
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

/*
 * End a registration, whoever has it. If it is armed, it has ended when 0 is returned:
 * amy_registrar_take() and amy_registrar_deregister() in one step, so that nobody comes in
 * between. EBUSY: it has fired and is a thread's, or a thread is just arming it. Then it is
 * marked, and never armed again: amy_registrar_rearm(), the call under way or the owner's
 * next one, fails with ECANCELED, and the owner is to end it. Where the event came before
 * a call under way was done, that is the next call of the thread that was told.
 *
 * Errors: EBUSY, EINVAL (an id that was ended or never was). Any thread.
 */
AMY_API int amy_registrar_cancel(struct amy_registrar *registrar, amy_id id);

/* ---- Wait set: a thread waits by itself for what it owns ---------------------------- */

/*
 * Some descriptors that one thread waits for, in private. Whoever was told of an event
 * owns the registration, and nothing obliges it to give that back after each event: as
 * long as it expects more, it may wait for the descriptor itself, without a word to other
 * threads. The registration stays as it is, the thread's and disarmed; in the end the
 * thread removes the descriptor from its set, and re-arms or ends the registration. A
 * thread may wait for other descriptors of its own, too: a pipe, a timer.
 *
 * Nobody else is to be told, so it is not one-shot: what is ready is reported by every
 * wait until it was dealt with.
 *
 *      amy_poller_wait(poller, &told, 1, -1);             // told.id is ours now
 *      amy_wait_set_add(set, fd, AMY_READ, told.id);
 *      while (amy_wait_set_wait(set, &told, 1, quiet_ms) == 1)
 *              serve(fd);
 *      amy_wait_set_remove(set, fd);
 *      amy_registrar_rearm(registrar, told.id, AMY_READ); // and now the kernel's
 *
 * Owner: one thread at a time.
 */
struct amy_wait_set;

/*
 * Make a set with nothing in it. Errors: EMFILE, ENFILE, ENOMEM.
 */
AMY_API struct amy_wait_set *amy_wait_set_create(void);

/* Destroy a set; NULL is fine. What is in it is the caller's, as it was. */
AMY_API void amy_wait_set_destroy(struct amy_wait_set *set);

/*
 * Wait for fd from now on, which is not in the set: for the interest (AMY_ bits; 0: only
 * for AMY_HUP and AMY_ERROR). id is what its events are known by: that of the
 * registration, which the caller owns, or a number of the caller's own for a descriptor
 * that is not registered (no registration has 0). The descriptor stays the caller's; it is
 * to be removed before it is closed. On failure nothing was added.
 *
 * Errors: EINVAL (interest has other bits), EBADF, EEXIST (it is in the set), EPERM (fd
 * cannot be polled), ENOMEM, ENOSPC.
 */
AMY_API int amy_wait_set_add(struct amy_wait_set *set, int fd, unsigned interest,
                             amy_id id);

/*
 * Wait for something else of fd, which is in the set. Errors: EINVAL (interest has other
 * bits), EBADF, ENOENT (it is not in the set), EPERM (fd cannot be polled).
 */
AMY_API int amy_wait_set_modify(struct amy_wait_set *set, int fd, unsigned interest,
                                amy_id id);

/*
 * Wait for fd no more. It is the caller's, as it was. An event of it may stand among those
 * that an amy_wait_set_wait() before has told. Errors: EBADF, ENOENT (it is not in the set),
 * EPERM (fd cannot be polled).
 */
AMY_API int amy_wait_set_remove(struct amy_wait_set *set, int fd);

/*
 * Wait for events, just as amy_poller_wait(): at most max (1 or more; above 256 counts as
 * 256) notifications, 0 after timeout_ms, and no end by a signal. Their id is what was
 * given with the descriptor, their data is NULL. Allocates nothing.
 *
 * Errors: EINVAL (max is not positive).
 */
AMY_API int amy_wait_set_wait(struct amy_wait_set *set,
                              struct amy_notification *notifications, int max,
                              int timeout_ms);

/* ---- Channel: messages to a thread that waits for descriptors ------------------------ */

/*
 * A bounded queue of messages of one size, from any number of threads to one, which waits
 * for it like for anything else: by a descriptor. Sending and receiving are without locks
 * and without allocation, and without a system call but for the first message after
 * the receiver has seen the channel empty.
 *
 *      amy_registrar_register(registrar, amy_channel_fd(channel), AMY_READ, channel, &id);
 *      amy_poller_wait(poller, &told, 1, -1);
 *      while (amy_channel_receive(channel, &message) == 1)  // until it is empty: not before
 *              use(&message);                               // is it unreadable again
 *      amy_registrar_rearm(registrar, id, AMY_READ);
 *
 * Owner: whoever created it, who receives; its senders borrow it.
 */
struct amy_channel;

/*
 * Make a channel for at least capacity (1 to 2^24) messages of nbytes (1 to 65,536) each.
 * Errors: EINVAL, EMFILE, ENFILE, ENOMEM.
 */
AMY_API struct amy_channel *amy_channel_create(size_t capacity, size_t nbytes);

/*
 * Destroy a channel, and the messages in it; NULL is fine. Its descriptor is no longer
 * registered, and nobody may be using it: a sender whose message was received may not have
 * returned yet, so wait for the end of the senders first.
 */
AMY_API void amy_channel_destroy(struct amy_channel *channel);

/*
 * Send a message: nbytes of it are copied. Messages of one thread are received in their
 * order. On failure nothing was sent: what it stands for is still the sender's.
 *
 * Errors: EAGAIN (it is full), EPIPE (it is closed). Any thread.
 */
AMY_API int amy_channel_send(struct amy_channel *channel, const void *message);

/*
 * The next message, copied to *message: 1. 0: there is none; from now on the descriptor is
 * not readable, until one is sent. -1: there is none, and will never be. It never waits.
 *
 * Errors: EPIPE (it is closed, and empty). The receiver's thread.
 */
AMY_API int amy_channel_receive(struct amy_channel *channel, void *message);

/*
 * A descriptor that is readable when something may be received, be it the end; and stays so
 * until amy_channel_receive() said that there is nothing. Now and then it is readable in
 * vain. It is the channel's: to be waited for, not to be read from or closed. Any thread.
 */
AMY_API int amy_channel_fd(const struct amy_channel *channel);

/*
 * Nothing can be sent any more; what was sent can be received. Once is enough, twice is
 * fine. A message that a sender is just about to send is refused, or received. Any thread.
 */
AMY_API void amy_channel_close(struct amy_channel *channel);

/* ---- Signals: as something to wait for ---------------------------------------------- */

/*
 * A signal that was read. pid and uid say who sent it; both are 0 where the system does
 * not tell.
 */
struct amy_signal {
	int   number;
	pid_t pid;
	uid_t uid;
};

/*
 * Open a descriptor (non-blocking, close-on-exec) that is readable when one of the signals
 * has come. libamy changes no signal mask: block the signals in all threads first
 * (pthread_sigmask(3), before they are started). The descriptor is the caller's, to be
 * registered, or waited for otherwise; close(2) closes it. Errors: EINVAL (the set is empty),
 * EMFILE, ENFILE, ENOMEM. Any thread.
 */
AMY_API int amy_signals_open(const sigset_t *signals);

/*
 * The next signal that has come: 1, and *told. 0: none. Signals of one number may have
 * become one. Errors: EBADF, EINVAL (fd is not from amy_signals_open()). Any thread.
 */
AMY_API int amy_signals_read(int fd, struct amy_signal *told);

/* ---- Datagrams: many with one system call -------------------------------------------- */

/*
 * One datagram: nbytes at bytes, and the address that it came from, or is to go to
 * (naddress 0: none; the socket is connected). is_truncated: it was longer than there was
 * room, and its end is lost.
 */
struct amy_datagram {
	char                   *bytes;
	size_t                  nbytes;
	struct sockaddr_storage address;
	socklen_t               naddress;
	bool                    is_truncated;
};

/*
 * A batch of datagrams, received or to be sent, in memory that was set aside for them when it
 * was created. What was received may be changed and sent back just as it is: each knows its
 * address.
 *
 *      while ((n = amy_datagrams_receive(batch, fd)) > 0)
 *              amy_datagrams_send(batch, fd);
 *
 * Owner: one thread at a time.
 */
struct amy_datagrams;

/*
 * Make an empty batch for max (1 to 1,024) datagrams of at most max_nbytes (1 to 65,535)
 * bytes. Errors: EINVAL, ENOMEM.
 */
AMY_API struct amy_datagrams *amy_datagrams_create(unsigned max, size_t max_nbytes);

/* Destroy a batch; NULL is fine. */
AMY_API void amy_datagrams_destroy(struct amy_datagrams *batch);

/*
 * Receive as many as there are and the batch has room for, in place of what was in it, from
 * a datagram socket, with one system call where the system can (recvmmsg(2)). Returns how
 * many. 0: none is there now. It does not wait, whether fd is non-blocking or not. -1: the
 * batch is empty.
 *
 * Errors: those of recvmsg(2), but EAGAIN and EINTR. ECONNREFUSED and its like tell of a
 * datagram sent before: receiving goes on with the next call.
 */
AMY_API int amy_datagrams_receive(struct amy_datagrams *batch, int fd);

/* How many are in the batch. */
AMY_API unsigned amy_datagrams_count(const struct amy_datagrams *batch);

/*
 * The one in place i (from 0; less than amy_datagrams_count()), valid until the batch is
 * used otherwise. Its bytes may be changed, up to max_nbytes of them, and so may nbytes and
 * the address.
 */
AMY_API struct amy_datagram *amy_datagrams_get(struct amy_datagrams *batch, unsigned i);

/*
 * Put one more into the batch: nbytes at bytes (copied), for the address (copied; NULL and
 * 0: none). On failure the batch is as before. Errors: ENOBUFS (the batch is full),
 * EMSGSIZE (more than max_nbytes), EINVAL (naddress is more than a sockaddr_storage).
 */
AMY_API int amy_datagrams_put(struct amy_datagrams *batch, const void *bytes, size_t nbytes,
                              const struct sockaddr *address, socklen_t naddress);

/*
 * Send from the first on, with as few system calls as there can be (sendmmsg(2)), until all
 * are gone or the socket takes no more, and take from the batch what was sent: what is
 * left, in order, may be sent later. Returns how many were sent. It does not wait. -1: the
 * first one that is left could not be sent; amy_datagrams_drop() gives it up.
 *
 * Errors: those of sendmsg(2), but EAGAIN and EINTR.
 */
AMY_API int amy_datagrams_send(struct amy_datagrams *batch, int fd);

/* Take the first n (at most those there are) from the batch. */
AMY_API void amy_datagrams_drop(struct amy_datagrams *batch, unsigned n);

/* ---- Line reader: bytes to lines --------------------------------------------------- */

/*
 * Some bytes, of any values, not NUL-terminated. Of a line that amy_line_reader_next()
 * returned, the LF, or other delimiter, is not counted, but follows at bytes[nbytes].
 */
struct amy_bytes {
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
	struct amy_buffer *kept;       /* what could not be left in the caller's buffer; or NULL */
	const char        *chunk;      /* the caller's bytes, borrowed, not yet looked at */
	size_t             nchunk;
	uint32_t           scanned;    /* so many of the bytes that are kept have no delimiter */
	uint32_t           max_line;
	uint32_t           last;       /* bytes of the line last returned, delimiter included */
	bool               last_kept;  /* it was among those that are kept */
	bool               discarding; /* inside a line that is too long */
	uint8_t            matched;    /* what was dropped of it ends in so many of the delimiter */
	uint8_t            ndelimiter;
	char               delimiter[8];
};

/*
 * Start a reader of lines of at most max_line bytes (1 to 1 GiB; out of range counts as
 * the nearest), LF not counted.
 */
AMY_API void amy_line_reader_init(struct amy_line_reader *reader, size_t max_line);

/*
 * The same for lines, or other messages, that end with a delimiter of one's own in the
 * place of LF: ndelimiter (1 to 8) bytes at delimiter, copied; such as "\0", or CR LF. The
 * first one ends the line. Errors: EINVAL (ndelimiter is out of range).
 */
AMY_API int amy_line_reader_init_delimiter(struct amy_line_reader *reader, size_t max_line,
                                           const void *delimiter, size_t ndelimiter);

/*
 * Allocate now all that lines within max_line ever need, and keep it until
 * amy_line_reader_fini(): no later call allocates, but amy_line_reader_keep(), where more
 * than max_line bytes and a delimiter are left. Errors: ENOMEM (the reader is as before).
 */
AMY_API int amy_line_reader_reserve(struct amy_line_reader *reader);

/*
 * Another max_line from now on, for the line that has begun, too. After
 * amy_line_reader_reserve(), reserve again.
 */
AMY_API void amy_line_reader_set_max_line(struct amy_line_reader *reader, size_t max_line);

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
AMY_API int amy_line_reader_next(struct amy_line_reader *reader, struct amy_bytes *line);

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
 * At the end of input, when amy_line_reader_next() returned 0: 1, and in *line the last,
 * unterminated line (no LF follows it); 0: there is none. -1: EMSGSIZE: there is one, and it
 * is longer than max_line; its bytes are dropped. That is so only where its end was the
 * beginning of a delimiter of more than one byte; else amy_line_reader_next() has said it.
 */
AMY_API int amy_line_reader_finish(struct amy_line_reader *reader,
                                   struct amy_bytes *line);

/*
 * True if a complete line, or the news of one too long, may be had from
 * amy_line_reader_next() without feeding.
 */
AMY_API bool amy_line_reader_has_line(const struct amy_line_reader *reader);

/*
 * True if nothing is left of what was fed: it holds no byte, and is not in the middle of a
 * line that is too long. What is fed next begins a line.
 */
AMY_API bool amy_line_reader_is_empty(const struct amy_line_reader *reader);

/* ---- Line writer: lines to bytes --------------------------------------------------- */

/*
 * A bounded queue of bytes on their way out, filled by whole lines. It does no I/O: the
 * caller writes what amy_line_writer_pending() shows and says with
 * amy_line_writer_consume() how much went. Empty, it holds no memory but this struct.
 *
 * Owner: whoever holds the storage; one thread at a time. The fields are libamy's.
 */
struct amy_line_writer {
	struct amy_buffer *buffer; /* what is pending; or NULL */
	uint32_t           limit;
};

/*
 * Start a writer that holds at most limit bytes (1 to 1 GiB; out of range counts as the
 * nearest).
 */
AMY_API void amy_line_writer_init(struct amy_line_writer *writer, size_t limit);

/*
 * Allocate now all that the limit ever needs, limit and a quarter of it, and keep it until
 * amy_line_writer_fini(): no later call allocates. Errors: ENOMEM (the writer is as before).
 */
AMY_API int amy_line_writer_reserve(struct amy_line_writer *writer);

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
                                 const struct amy_bytes *pieces, size_t npieces);

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

/*
 * Put n bytes at bytes (copied) in the place of the nbytes from at on, of what is pending. n
 * is at most nbytes, and they do not reach past what is pending. What is moved for it is the
 * shorter of what stands before and behind.
 */
AMY_API void amy_line_writer_replace(struct amy_line_writer *writer, size_t at,
                                     size_t nbytes, const void *bytes, size_t n);

/* The first nbytes (at most what is pending) were written: forget them. */
AMY_API void amy_line_writer_consume(struct amy_line_writer *writer, size_t nbytes);

/* ---- Frames: messages that say how long they are ------------------------------------- */

/*
 * How a frame says it.
 *
 * AMY_FRAME_LENGTH32   four bytes of length, the highest first; then the bytes
 * AMY_FRAME_NETSTRING  the length in decimal digits, without a 0 in front, ':', the bytes,
 *                      ',' (a netstring)
 *
 * A length is at most 2^32 - 1.
 */
enum amy_framing {
	AMY_FRAME_LENGTH32,
	AMY_FRAME_NETSTRING,
};

/*
 * Splits a stream of bytes into frames. Like the line reader it does no I/O, and returns
 * pointers into the caller's buffer where a frame lies there whole; only what is incomplete
 * is copied. It never allocates for a frame that is too long, whatever its length says.
 *
 * Owner: whoever holds the storage; one thread at a time. The fields are libamy's.
 */
struct amy_frame_reader {
	struct amy_buffer *kept;      /* what could not be left in the caller's buffer; or NULL */
	const char        *chunk;     /* the caller's bytes, borrowed, not yet looked at */
	size_t             nchunk;
	uint32_t           max_frame;
	uint32_t           length;    /* of the frame that is being read, as far as it is known */
	enum amy_framing   framing;
	uint8_t            nheader;   /* bytes of the header that were read */
	uint8_t            state;
};

/*
 * Start a reader of frames of at most max_frame bytes (0 to 1 GiB; more counts as that),
 * header not counted.
 */
AMY_API void amy_frame_reader_init(struct amy_frame_reader *reader, enum amy_framing framing,
                                   size_t max_frame);

/*
 * Allocate now all that frames within max_frame ever need, and keep it until
 * amy_frame_reader_fini(): no later call allocates, but amy_frame_reader_keep(), where more
 * than max_frame bytes and a header are left. Errors: ENOMEM (the reader is as before).
 */
AMY_API int amy_frame_reader_reserve(struct amy_frame_reader *reader);

/* Free what it holds. The storage is the caller's. */
AMY_API void amy_frame_reader_fini(struct amy_frame_reader *reader);

/*
 * Lend the reader nbytes (at most 1 GiB) at bytes. They must stay as they are until
 * amy_frame_reader_next() returned 0 or amy_frame_reader_keep() was called. Errors: EBUSY
 * (bytes lent before are not used up), EINVAL (too many).
 */
AMY_API int amy_frame_reader_feed(struct amy_frame_reader *reader, const void *bytes,
                                  size_t nbytes);

/*
 * The next complete frame, without its header: 1, and *frame, valid until the next call on
 * this reader. 0: no complete frame is left; the lent bytes are used up, an incomplete frame
 * among them was copied. -1: EMSGSIZE: a frame is longer than max_frame: said once for each,
 * as soon as its header is there, and its bytes are dropped; go on calling. EBADMSG: this is
 * no netstring, or one of 2^32 bytes or more: the lent bytes are used up, nothing can be read
 * any more, and every further call of this says so. ENOMEM: the incomplete frame could not be
 * kept; the bytes are still lent.
 */
AMY_API int amy_frame_reader_next(struct amy_frame_reader *reader, struct amy_bytes *frame);

/*
 * Stop early: copy what is left of the lent bytes, so that the caller has its buffer back.
 * amy_frame_reader_next() goes on where it was. Errors: ENOMEM (the bytes are still lent).
 */
AMY_API int amy_frame_reader_keep(struct amy_frame_reader *reader);

/*
 * True if nothing is left of what was fed: at the end of input, that it ended between two
 * frames. Never true after EBADMSG.
 */
AMY_API bool amy_frame_reader_is_empty(const struct amy_frame_reader *reader);

/*
 * A bounded queue of bytes on their way out, filled by whole frames. It does no I/O: the
 * caller writes what amy_frame_writer_pending() shows and says with
 * amy_frame_writer_consume() how much went.
 *
 * Owner: whoever holds the storage; one thread at a time. The fields are libamy's.
 */
struct amy_frame_writer {
	struct amy_line_writer queue;
	uint32_t               max_frame;
	enum amy_framing       framing;
};

/*
 * Start a writer of frames of at most max_frame bytes (0 to 1 GiB; more counts as that),
 * header not counted, that holds at most limit bytes (1 to 1 GiB; out of range counts as
 * the nearest), headers counted.
 */
AMY_API void amy_frame_writer_init(struct amy_frame_writer *writer, enum amy_framing framing,
                                   size_t max_frame, size_t limit);

/*
 * Allocate now all that the limit ever needs, limit and a quarter of it, and keep it until
 * amy_frame_writer_fini(): no later call allocates. Errors: ENOMEM (the writer is as before).
 */
AMY_API int amy_frame_writer_reserve(struct amy_frame_writer *writer);

/* Free what it holds, pending bytes too. The storage is the caller's. */
AMY_API void amy_frame_writer_fini(struct amy_frame_writer *writer);

/*
 * Queue a frame of the nbytes at bytes (copied). All of it or nothing. Errors: EMSGSIZE
 * (more than max_frame), ENOBUFS (more than the limit would be pending), ENOMEM.
 */
AMY_API int amy_frame_writer_put(struct amy_frame_writer *writer, const void *bytes,
                                 size_t nbytes);

/*
 * Queue one frame made of pieces: the bytes (copied) of the npieces in order. All of it or
 * nothing. Errors: as amy_frame_writer_put().
 */
AMY_API int amy_frame_writer_putv(struct amy_frame_writer *writer,
                                  const struct amy_bytes *pieces, size_t npieces);

/*
 * How many bytes are pending; *bytes, unless NULL, points at the first, valid until the
 * next call on this writer.
 */
AMY_API size_t amy_frame_writer_pending(const struct amy_frame_writer *writer,
                                        const char **bytes);

/* The first nbytes (at most what is pending) were written: forget them. */
AMY_API void amy_frame_writer_consume(struct amy_frame_writer *writer, size_t nbytes);

/*
 * For writing without a copy, by writev(2): what stands before and behind the nbytes (at
 * most 2^32 - 1) of a frame. Writes the header to header, which has room for
 * AMY_FRAME_HEADER_MAX bytes, and its length to *nheader; returns the trailer, a string
 * that is constant: "" or ",".
 */
enum { AMY_FRAME_HEADER_MAX = 12 };

AMY_API const char *amy_frame_envelope(enum amy_framing framing, size_t nbytes, char *header,
                                       size_t *nheader);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * channel.pml - the life of a channel, as src/libamy/channel.c has it: a ring of two cells,
 * two senders, a receiver that is woken by a descriptor, and somebody who closes.
 *
 * Spin has one order of all steps, and so has the code where it matters: what a sender and
 * the receiver tell each other is seq_cst.
 *
 * Built as it is, spin must find nothing. Each -DBUG_... takes away one precaution, and spin
 * must find what goes wrong then: that shows that it would see it.
 */
#ifdef BUG_ONE_CELL
#define CELLS 1 /* of one cell, "message n is in it" and "free for n + 1" are the same turn */
#else
#define CELLS 2
#endif
#define SENDERS 2
#define EACH    2 /* messages of a sender */

/* The ring. The tail is two variables, but is looked at and changed in one step. */
byte turn[CELLS];
byte sender[CELLS], serial[CELLS]; /* what is in the message */
byte tail, head;
bool closed;

/* Waking up. */
bool is_waiting = true;
byte notices;  /* in the descriptor: it is readable if there are any */
byte nnotices; /* written, or about to be, and not read: the receiver counts */

/* What is to be asserted: only here. */
byte accepted, received;
byte about; /* those who published, or closed, and have not looked at is_waiting yet, or
             * have taken it and not written yet */
byte next[SENDERS];
byte woken; /* from a sleep after "there is nothing" */
bool asleep, told_of_nothing, told_of_the_end;

#define CELL(n)   ((n) % CELLS)
#define IS_THERE  (turn[CELL(head)] == head + 1)
#ifdef BUG_END_BEFORE_CLAIMED
#define IS_END    (closed)
#else
#define IS_END    (closed && tail == head)
#endif

/*
 * Whoever published. The code looks first, and then takes, in two steps: one who sees that it
 * was taken in between is as one who came later.
 */
inline wake() {
	if
	:: d_step { is_waiting -> is_waiting = false }
	   d_step {
		notices++;
		about--
	   }
	:: d_step { else -> about-- }
	fi
}

proctype send(byte me) {
	byte n, i;

	do
	:: i == EACH -> break
	:: i < EACH ->
#ifdef BUG_CLOSED_APART
		/* Closed is looked at in a step of its own. */
		if
		:: closed -> break
		:: else
		fi;
#endif
		if
		:: d_step {
#ifndef BUG_CLOSED_APART
			!closed &&
#endif
			turn[CELL(tail)] == tail -> /* the compare-and-swap of the tail */
			n = tail;
			tail++;
			accepted++
		   }
		   d_step {
			sender[CELL(n)] = me;
			serial[CELL(n)] = i
		   }
		   d_step {
			turn[CELL(n)] = n + 1;
			about++
		   }
		   wake();
		   i++
#ifndef BUG_CLOSED_APART
		:: closed -> break /* EPIPE */
#endif
		/* EAGAIN: it tries again, when there is room. */
		fi
	od
}

proctype close() {
	d_step {
		closed = true;
		about++
	}
	wake();
	d_step { /* once more */
		closed = true;
		about++
	}
	wake()
}

inline take() {
	d_step {
		assert(serial[CELL(head)] == next[sender[CELL(head)]]);
		next[sender[CELL(head)]]++;
		received++;
		assert(received <= accepted)
	}
	d_step {
		turn[CELL(head)] = head + CELLS;
		head++
	}
}

inline start_waiting() {
	d_step {
		if
#ifdef BUG_TAKEN_WHILE_CLEARING
		:: is_waiting
#else
		:: is_waiting -> is_waiting = false
#endif
		:: else -> nnotices++
		fi
	}
#ifdef BUG_CLEAR_LAST
	is_waiting = true;
#endif
	if
	:: nnotices > 0 ->
		d_step {
#ifndef BUG_CLEAR_LAST
			assert(notices <= nnotices);
			nnotices = nnotices - notices;
#endif
			notices = 0
		}
	:: else
	fi;
#ifndef BUG_CLEAR_LAST
	is_waiting = true
#endif
}

/* result: 1, a message; 0, nothing; 2, the end. */
inline receive() {
	if
	:: d_step { IS_THERE -> result = 1 }
	:: d_step { !IS_THERE -> result = 0 }
	   if
	   :: IS_END -> result = 2
	   :: else
	   fi
	fi;
	if
	:: result == 0 ->
		start_waiting();
#ifndef BUG_NO_SECOND_LOOK
		if
		:: IS_THERE -> result = 1
		:: else ->
			if
			:: IS_END -> result = 2
			:: else
			fi
		fi;
#endif
		if
		:: result != 0 ->
#ifndef BUG_NOT_READABLE_AGAIN
			d_step { about++ }
			wake()
#endif
		:: else
		fi
	:: else
	fi;
	if
	:: result == 1 -> take()
	:: else
	fi
}

/* It receives until there is nothing; or stops early, and relies on being woken again. */
active proctype receiver() {
	byte result;

	do
	:: told_of_the_end -> break
	:: else ->
		asleep = true;
		d_step {
			notices > 0 ->
			asleep = false;
			woken = woken + told_of_nothing;
			told_of_nothing = false;
			assert(woken <= accepted + 2) /* a message is told of once, and so is closing */
		}
		do
		:: receive();
		   if
		   :: result == 0 ->
			told_of_nothing = true;
			break
		   :: result == 1
		   :: result == 1 -> break
		   :: result == 2 ->
			assert(received == accepted);
			told_of_the_end = true;
			break
		   fi
		od
	od;
	/* The end stays readable. */
	about == 0 -> assert(notices > 0)
}

/* Nobody sleeps on a message, or on the end, that nobody is about to tell of. */
never {
	do
	:: assert(!(asleep && notices == 0 && about == 0 && (IS_THERE || IS_END)))
	od
}

init {
	atomic {
		turn[0] = 0;
#if CELLS > 1
		turn[1] = 1;
#endif
		run send(0);
		run send(1);
		run close()
	}
}

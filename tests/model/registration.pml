/* SPDX-License-Identifier: MIT */
/*
 * registration.pml - the life of a registration, as src/libamy/registration.c has it: one place in
 * the table, one descriptor number, both used again and again by several threads.
 *
 * Built as it is, and with -DCANCEL, spin must find nothing. Each of -DBUG_NO_ARMING, -DBUG_NO_ROUND,
 * -DBUG_NO_GENERATION, -DBUG_TAKE_OWNED, -DBUG_NO_MARK, -DBUG_MARK_NOT_SEEN_AFTER_ARMING and
 * -DBUG_MARK_LOST_BY_EVENT takes away one precaution, and spin must find what goes wrong then:
 * that shows that it would see it.
 */
#define OWNED  0
#define ARMING 1
#define ARMED  2

#if defined(BUG_NO_MARK) || defined(BUG_MARK_NOT_SEEN_AFTER_ARMING) || \
    defined(BUG_MARK_LOST_BY_EVENT)
#define CANCEL
#endif
#ifdef CANCEL /* with somebody who cancels; there are more orders then */
#define LIVES  2
#define TAKES  1
#define ARMS   2
#else
#define LIVES  3 /* registrations, one after the other, in the same place */
#define TAKES  2 /* how often one is taken back from the kernel */
#define ARMS   3 /* how often one is armed */
#endif

/* The word. */
byte state, generation, round;
bool cancelled; /* the mark */

/* The kernel: which arming of which descriptor it will report. */
bool armed;
byte armed_generation, armed_round;
byte open_generation; /* whose the descriptor with that number is now; 0: it is closed */

/* What the threads believe: only here to be asserted. */
byte owners;
byte takes, arms;
byte doomed; /* the registration that a call of cancel has left to its owner */
byte in_flight; /* events between the kernel's report and the thread that looks at them */

#ifdef BUG_NO_GENERATION
#define SAME_GENERATION(g) true
#else
#define SAME_GENERATION(g) (g == generation)
#endif
#ifdef BUG_TAKE_OWNED
#define MAY_TAKE (state != ARMING)
#else
#define MAY_TAKE (state == ARMED)
#endif

/* A thread has the registration: it arms it, or ends it and makes the next one. */
inline own() {
	do
	::
		d_step {
			assert(owners == 1);
			assert(open_generation == generation)
		}
		if
		:: arms < ARMS && !was_refused
		:: generation < LIVES ->
			/* deregister, close; another connection gets the same number and place */
			d_step {
				armed = false; /* EPOLL_CTL_DEL */
				open_generation = 0
			}
			d_step {
				generation++;
				cancelled = false;
#ifdef BUG_NO_GENERATION
				round = 0; /* and rounds begin anew: either alone is enough */
#endif
				takes = 0;
				arms = 0;
				was_refused = false;
				open_generation = generation
			}
		:: else ->
			d_step {
				owners--; /* it keeps it for ever */
				was_refused = false
			}
			break
		fi;
		arm();
#ifdef CANCEL
		if
		:: !was_refused -> break
		:: else
		fi
#else
		break
#endif
	od
}

/* It is still the caller's afterwards, if it was cancelled: ECANCELED. */
inline arm() {
	d_step {
		arms++;
		was_refused = cancelled;
		if
		:: !cancelled ->
#ifndef BUG_NO_ROUND
			round++;
#endif
			mine = generation;
			my_round = round;
			owners--;
#ifdef BUG_NO_ARMING
			state = ARMED
#else
			state = ARMING
#endif
		:: else
		fi
	}
	if
	:: was_refused
	:: else ->
		d_step {
			/* epoll_ctl: of the descriptor that we mean, or of a stranger's? */
			assert(open_generation == mine);
			armed = true;
			armed_generation = mine;
			armed_round = my_round
		}
		d_step {
			if
			:: state == ARMING && generation == mine && round == my_round ->
				if
#ifndef BUG_MARK_NOT_SEEN_AFTER_ARMING
				:: cancelled ->
					state = OWNED;
					owners++;
					was_refused = true
#endif
				:: else -> state = ARMED
				fi
			:: else -> skip
			fi;
			mine = 0
		}
	fi
}

/* One of the threads that wait on the poller. */
proctype waiter() {
	byte got_generation, got_round;
	byte mine, my_round;
	bool counts, was_refused;

end:
	do
	:: atomic {
		armed ->
		armed = false;
		in_flight++;
		got_generation = armed_generation;
		got_round = armed_round
	   }
	   d_step {
		in_flight--;
		counts = (state == ARMED || state == ARMING) &&
		         SAME_GENERATION(got_generation) && got_round == round;
		if
		:: counts ->
			assert(got_generation == generation);
			state = OWNED;
#ifdef BUG_MARK_LOST_BY_EVENT
			cancelled = false;
#endif
			owners++
		:: else
		fi
	   }
	   if
	   :: counts -> own()
	   :: else
	   fi
	od
}

/* Anybody, who wants to change the interest of an armed registration. */
proctype taker() {
	byte mine, my_round;
	bool was_refused;

end:
	do
	:: atomic {
		MAY_TAKE && takes < TAKES ->
		takes++;
		state = OWNED;
		owners++
	   }
	   own()
	od
}

/*
 * Anybody, who wants a registration to end. If it is armed, that is as taking and ending it;
 * otherwise it is left to its owner, by the mark.
 */
proctype canceller() {
end:
	d_step {
		state == OWNED || state == ARMING ->
#ifndef BUG_NO_MARK
		cancelled = true;
#endif
		doomed = generation /* EBUSY */
	}
}

/*
 * Whoever is armed will be heard of: the kernel, or an event on its way, knows it. And what
 * was left to its owner is not armed any more: it would be left for ever.
 */
never {
	do
	:: assert(!(state == ARMED && !armed && in_flight == 0));
	   assert(!(state == ARMED && doomed == generation))
	od
}

init {
	byte mine, my_round;
	bool was_refused;

	atomic {
		generation = 1;
		open_generation = 1;
		owners = 1;
		run waiter();
		run waiter();
		run taker()
#ifdef CANCEL
		;run canceller()
#endif
	}
	own()
}

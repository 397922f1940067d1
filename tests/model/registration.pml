/* SPDX-License-Identifier: MIT */
/*
 * registration.pml - the life of a registration, as src/libamy/registration.c has it: one place in
 * the table, one descriptor number, both used again and again by several threads.
 *
 * Built as it is, spin must find nothing. Each of -DBUG_NO_ARMING, -DBUG_NO_ROUND,
 * -DBUG_NO_GENERATION and -DBUG_TAKE_OWNED takes away one precaution, and spin must find what
 * goes wrong then: that shows that it would see it.
 */
#define OWNED  0
#define ARMING 1
#define ARMED  2

#define LIVES  3 /* registrations, one after the other, in the same place */
#define TAKES  2 /* how often one is taken back from the kernel */
#define ARMS   3 /* how often one is armed */

/* The word. */
byte state, generation, round;

/* The kernel: which arming of which descriptor it will report. */
bool armed;
byte armed_generation, armed_round;
byte open_generation; /* whose the descriptor with that number is now; 0: it is closed */

/* What the threads believe: only here to be asserted. */
byte owners;
byte takes, arms;
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
	assert(owners == 1);
	assert(open_generation == generation);
	if
	:: arms < ARMS ->
		arms++;
		arm()
	:: generation < LIVES ->
		/* deregister, close; another connection gets the same number and place */
		d_step {
			armed = false; /* EPOLL_CTL_DEL */
			open_generation = 0
		}
		d_step {
			generation++;
#ifdef BUG_NO_GENERATION
			round = 0; /* and rounds begin anew: either alone is enough */
#endif
			takes = 0;
			arms = 0;
			open_generation = generation
		}
		arms++;
		arm()
	:: else ->
		owners-- /* it keeps it for ever */
	fi
}

inline arm() {
	d_step {
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
	}
	d_step {
		/* epoll_ctl: of the descriptor that we mean, or of a stranger's? */
		assert(open_generation == mine);
		armed = true;
		armed_generation = mine;
		armed_round = my_round
	}
	d_step {
		if
		:: state == ARMING && generation == mine && round == my_round -> state = ARMED
		:: else -> skip
		fi;
		mine = 0
	}
}

/* One of the threads that wait on the poller. */
proctype waiter() {
	byte got_generation, got_round;
	byte mine, my_round;
	bool counts;

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

/* Whoever is armed will be heard of: the kernel, or an event on its way, knows it. */
never {
	do
	:: assert(!(state == ARMED && !armed && in_flight == 0))
	od
}

init {
	byte mine, my_round;

	atomic {
		generation = 1;
		open_generation = 1;
		owners = 1;
		run waiter();
		run waiter();
		run taker()
	}
	own()
}

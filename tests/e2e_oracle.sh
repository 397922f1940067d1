#!/bin/sh
# SPDX-License-Identifier: MIT
# Random conversations of 32 clients, each line of which a model knows beforehand: tests/oracle.c.
# AMY_ORACLE_STEPS=100000 makes them longer, AMY_ORACLE_SEED=7 begins with others.
. "${top_srcdir:-.}/tests/lib.sh"

oracle=$top_builddir/tests/oracle
first=${AMY_ORACLE_SEED:-1}
case $SANITIZER in
no | '') nsteps=3000 ;;
*) nsteps=1000 ;;
esac
nsteps=${AMY_ORACLE_STEPS:-$nsteps}

for nhandlers in 1 3; do
	for seed in "$first" $((first + 1)); do
		start_daemon <<-END
			handlers = $nhandlers
			listen main  { address = "127.0.0.1:0" }
			listen local { address = "$work/sock" }
			history h    { match = "h.>"  lines = 20 }
			rule copies  { match = "r.>"  to = {"subject:copy"} }
		END
		check "handlers = $nhandlers: what comes is what the manual says, line by line" \
		    "$oracle" --seed "$seed" --steps "$nsteps" --unix "$work/sock" \
		    --daemon "$daemon" 127.0.0.1 "$(port main)"
		sed 's/^#* */# /' "$work/check.out"
		stop_daemon
	done
done

done_testing

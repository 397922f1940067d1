# SPDX-License-Identifier: MIT
# What bash offers after a name of a program; each file has the name of its program.

bash_completions = %D%/amyd %D%/amybench
EXTRA_DIST += $(bash_completions)

if HAVE_BASHCOMPLETION
bashcompletion_DATA = $(bash_completions)
endif

#!/bin/sh
# SPDX-License-Identifier: MIT
# What bash offers for amyd and amybench, asked for in the way that bash does it; and that it is
# all that the programs take.
. "${top_srcdir:-.}/tests/lib.sh"

need bash

completions=$top_srcdir/completions
case $completions in
/*) ;;
*) completions=$PWD/$completions ;;
esac

# Words after the file of completions: the command line, the last one of them to be completed.
cat >"$work/complete.bash" <<'END'
. "$1" || exit
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
# complete -F FUNCTION PROGRAM
read -r _ _ function _ <<<"$(complete -p "$1")"
"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
END

# sorted: lines, as words of one line
sorted()
{
	sort | tr '\n' ' ' | sed 's/ $//'
}

# offered WORD...: sorted
offered()
{
	(
		cd "$work/files" &&
		bash --norc "$work/complete.bash" "$completions/$1" "$@" 2>&1 | sorted
	)
}

# offers EXPECTED WORD...
offers()
{
	local expected=$1

	shift
	is "\"$*\" is offered: ${expected:-nothing}" "$expected" "$(offered "$@")"
}

# options_of PROGRAM: what its help lists
options_of()
{
	"$top_builddir/$1" -h | sed -n 's/^  \(-.\), \(--[a-z-]*\).*/\1 \2/p' |
	    tr ' ' '\n' | sorted
}

# loads_of_amybench, protocols_of_amybench: from its help, too
loads_of_amybench()
{
	"$amybench" -h | sed -n '/^Loads:/,/^$/s/^  \([a-z]*\) .*/\1/p' | sorted
}

protocols_of_amybench()
{
	"$amybench" -h | sed -n 's/^  -P, --protocol NAME *//p' |
	    sed 's/ or /, /; s/, /\n/g' | sorted
}

mkdir -p "$work/files/folder"
echo >"$work/files/amyd.conf"
echo >"$work/files/amyd conf"
echo >"$work/files/other"

# ---- amyd ----------------------------------------------------------------------------

is "amyd: every option of its help is offered" "$(options_of amyd)" "$(offered amyd -)"
offers "--verbose --version" amyd --ver
offers "--test" amyd -c other --te
offers "stderr syslog" amyd -l ""
offers "syslog" amyd -v --log sy
offers "amyd conf amyd.conf" amyd -c amyd
offers "amyd conf" amyd -c 'amyd\ c'
offers "folder" amyd --ports fo
offers "" amyd -c nothing
offers "stderr syslog" amyd --log =
offers "stderr" amyd --log = std
offers "other" amyd --config = oth

# ---- amybench ------------------------------------------------------------------------

is "amybench: every option of its help is offered" "$(options_of amybench)" \
    "$(offered amybench -)"
is "and every protocol" "$(protocols_of_amybench)" "$(offered amybench -P "")"
is "and every load, beside the options" "$(loads_of_amybench)" \
    "$(offered amybench "" | tr ' ' '\n' | grep -v '^-' | sorted)"
offers "echo" amybench -c 3 e
offers "" amybench -c ""
offers "" amybench --duration = 1
offers "raw redis" amybench --protocol = r
offers "" amybench echo e
offers "--json" amybench echo --js
is "an address may be the path of a Unix socket" "$work/files/folder $work/files/other" \
    "$(offered amybench echo "$work/files/" | tr ' ' '\n' | grep -E 'folder|other' | sorted)"

done_testing

#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages are well-formed, complete, and their examples work.
#
# Comments in the pages of section 3 say what the code block behind them is:
#
#     .\" example: part NAME       it compiles
#     .\" example: program NAME    it compiles, runs and exits with 0; its input and output
#                                  stand in ".\" input:" (for printf) and ".\" prints:"
#     .\" example: server NAME     it compiles, prints "port N", and echoes a line
. "${top_srcdir:-.}/tests/lib.sh"

man=$top_srcdir/man
pages="libamy.3 amy_poller.3 amy_registrar.3 amy_timer.3 amy_user_event.3 amy_wait_set.3
	amy_channel.3 amy_signals.3 amy_datagrams.3
	amy_line_reader.3 amy_line_writer.3 amy_frame_reader.3 amy_frame_writer.3
	amybench.1 amyd.8 amyd.conf.5 amyd-protocol.7"
cc=$(sed -n 's/^CC = //p' "$top_builddir/Makefile")
sanitize=
[ "$SANITIZER" = no ] || sanitize=-fsanitize=$SANITIZER

# A build in the source tree has the links among the pages.
own_pages()
{
	(cd "$man" && grep -L '^\.so ' ./*.[0-9] | sed 's|^\./||')
}

# ---- Form ----------------------------------------------------------------------------

# Whether other pages are installed is no matter of ours: what is ours is looked up below.
lint()
{
	mandoc -Tlint "$man/$1" >"$work/lint" 2>&1
	! grep -v -e 'referenced manual not found' -e 'outdated mandoc.db' "$work/lint"
}

# The functions that amy.h declares, one a line.
functions()
{
	sed -n -e 's/^AMY_API .*\(amy_[a-z0-9_]*\)(.*/\1/p' -e 's/^\(amy_[a-z0-9_]*\)(.*/\1/p' \
	    "$top_srcdir/src/libamy/amy.h" | sort -u
}

# Lines "FUNCTION PAGE", for what stands in the NAME and the SYNOPSIS of a page.
write_pages_of_functions()
{
	awk '
		FNR == 1 { page = FILENAME; sub(/.*\//, "", page); section = "" }
		/^\.Sh / { section = $2 }
		section == "NAME" && $1 == ".Nm" { named[page, $2] = 1 }
		section == "SYNOPSIS" && ($1 == ".Fn" || $1 == ".Fo") && named[page, $2] {
			print $2, page
		}
	' "$man"/*.3 | sort >"$work/pages-of-functions"
}

functions_are_documented()
{
	local function result=0

	[ "$(functions | wc -l)" -gt 20 ] || { echo "amy.h was not read"; return 1; }
	for function in $(functions); do
		grep -q "^$function " "$work/pages-of-functions" && continue
		echo "$function: in NAME and SYNOPSIS of no page"
		result=1
	done
	return $result
}

# The other way round: no page speaks of a function that is none.
documented_functions_exist()
{
	functions >"$work/functions"
	sed -n 's/^\.F[no] \(amy_[a-z0-9_]*\).*/\1/p' "$man"/*.3 | sort -u >"$work/named"
	! comm -13 "$work/functions" "$work/named" | grep .
}

links_lead_to_their_pages()
{
	local function page link result=0

	for function in $(functions); do
		page=$(sed -n "s/^$function //p" "$work/pages-of-functions")
		read -r link <"$top_builddir/man/$function.3"
		[ "$link" = ".so man3/$page" ] && continue
		echo "man/$function.3 does not lead to $page"
		result=1
	done
	return $result
}

# Every reference to a page of ours leads to one.
references_exist()
{
	local name section result=0

	sed -n 's/.*\.Xr \([a-z_.-]*\) \([0-9]\).*/\1 \2/p;s/^\.It Xr \([a-z_.-]*\) \([0-9]\)/\1 \2/p' \
	    "$man"/*.[0-9] | sort -u | grep -E '^(lib)?amy' >"$work/references"
	while read -r name section; do
		[ -e "$man/$name.$section" ] || grep -qxF "$name" "$work/functions" && continue
		echo "there is no $name($section)"
		result=1
	done <"$work/references"
	return $result
}

# has_sections PAGE NAME...
has_sections()
{
	local page=$1 section result=0

	shift
	for section; do
		grep -qxF ".Sh $section" "$man/$page" && continue
		echo "$page has no section $section"
		result=1
	done
	return $result
}

# ---- Options -------------------------------------------------------------------------

options()
{
	sed -n 's/.*CFG_\(STR\|INT_CB\|BOOL\|FLOAT\|SEC\|STR_LIST\|INT_LIST\)("\([a-z_]*\)".*/\2/p' \
	    "$top_srcdir/src/amyd/conf.c" | sort -u
}

options_are_documented()
{
	local option result=0

	[ "$(options | wc -l)" -gt 10 ] || { echo "conf.c was not read"; return 1; }
	for option in $(options); do
		grep -qE "^\.It Cm $option No =|^\.Cm $option( Ar name)? No \{" \
		    "$man/amyd.conf.5" && continue
		echo "amyd.conf(5) does not say what $option is"
		result=1
	done
	return $result
}

documented_options_exist()
{
	options >"$work/options"
	sed -n 's/^\.It Cm \([a-z_]*\) No =.*/\1/p' "$man/amyd.conf.5" | sort -u >"$work/named"
	! comm -13 "$work/options" "$work/named" | grep .
}

options_are_in_the_example()
{
	local option result=0

	for option in $(options); do
		grep -qE "^[ #]*$option( [a-z]+)? *[={]" "$top_srcdir/etc/amyd.conf" && continue
		echo "etc/amyd.conf does not have $option"
		result=1
	done
	return $result
}

# What the reader may uncomment is good, too.
example_is_good_uncommented()
{
	sed -e 's/^# \([a-z_]* *=\)/\1/' -e '/^# [a-z]* *[a-z]* {$/,/^# }/s/^# //' \
	    -e 's/^\( *\)# \([a-z_]* *= [^ ]*\)/\1\2/' \
	    -e 's|/run/amyd|'"$work"'|' "$top_srcdir/etc/amyd.conf" >"$work/uncommented.conf"
	grep -q '^listen local {' "$work/uncommented.conf" || return 1
	# Without libmicrohttpd that mode is refused.
	[ "${HTTP:-yes}" = yes ] || sed -i 's/"http"/"echo"/' "$work/uncommented.conf"
	"$amyd" -t -c "$work/uncommented.conf"
}

command_line_options_are_documented()
{
	local name result=0

	sed -n 's/^\t{ "\([a-z]*\)", \(no\|required\)_argument, NULL, .\(.\). },$/\3 \1/p' \
	    "$top_srcdir/src/amyd/main.c" >"$work/command-line"
	[ -s "$work/command-line" ] || { echo "main.c was not read"; return 1; }
	while read -r letter name; do
		grep -qE "^\.It Fl $letter( .*)? , Fl Fl $name( |\$)" "$man/amyd.8" && continue
		echo "amyd(8) does not say what -$letter, --$name is"
		result=1
	done <"$work/command-line"
	return $result
}

verbs_are_documented()
{
	local verb result=0

	sed -n 's/^\t\[VERB_[A-Z]*\] = { "\([A-Z]*\)".*/\1/p' "$top_srcdir/src/amyd/protocol.c" \
	    >"$work/verbs"
	[ -s "$work/verbs" ] || { echo "protocol.c was not read"; return 1; }
	while read -r verb; do
		grep -qE "^\.It Cm $verb( |\$)" "$man/amyd-protocol.7" && continue
		echo "amyd-protocol(7) does not say what $verb is"
		result=1
	done <"$work/verbs"
	return $result
}

errors_are_documented()
{
	sed -n -e '/^ \*/d' -e 's/.*-ERR \([A-Z]\{2,\}\).*/\1/p' "$top_srcdir"/src/amyd/*.c |
		sort -u >"$work/codes"
	sed -n 's/^\.It Er \([A-Z]*\)$/\1/p' "$man/amyd-protocol.7" | sort >"$work/named"
	diff "$work/codes" "$work/named"
}

# ---- Examples ------------------------------------------------------------------------

# Take the marked code blocks out of the pages: $work/NAME.c, .in, .expected; and a line
# "KIND NAME PAGE" each in $work/examples.
extract_examples()
{
	: >"$work/examples"
	for page in $pages; do
		awk -v page="$page" -v work="$work" '
			/^\.\\" example: / {
				name = $4
				print $3, name, page >>(work "/examples")
				printf "" >(work "/" name ".in")
				printf "" >(work "/" name ".expected")
			}
			sub(/^\.\\" input: /, "") { print >(work "/" name ".in") }
			sub(/^\.\\" prints: /, "") { print >(work "/" name ".expected") }
			/^\.Ed/ { inside = 0 }
			inside { print >(work "/" name ".escaped") }
			/^\.Bd/ && name != "" && !done[name]++ { inside = 1 }
		' "$man/$page"
	done
	for escaped in "$work"/*.escaped; do
		unescape <"$escaped" >"${escaped%.escaped}.c"
	done
}

unescape()
{
	sed -e 's/^\\&//' -e "s/\\\\(aq/'/g" -e 's/\\(ti/~/g' -e 's/\\(ha/^/g' -e 's/\\(ga/`/g' \
	    -e 's/\\e/\\/g'
}

# The README's is the block that begins with an #include.
extract_readme_example()
{
	awk '
		/^    #include/ { inside = 1 }
		inside && /^[^ ]/ { exit }
		inside { sub(/^    /, ""); print }
	' "$top_srcdir/README" >"$work/readme.c"
}

compile()
{
	# shellcheck disable=SC2086
	$cc -Wall -Wextra -Werror $sanitize -g -I"$top_srcdir/src/libamy" -c \
	    -o "$work/$1.o" "$work/$1.c"
}

# With libtool where there is no shared library; it takes longer than all the rest.
build()
{
	if [ -e "$top_builddir/.libs/libamy.so" ]; then
		# shellcheck disable=SC2086
		compile "$1" && $cc $sanitize -g -o "$work/$1" "$work/$1.o" \
		    "$top_builddir/.libs/libamy.so" -pthread
		return
	fi
	# shellcheck disable=SC2086
	compile "$1" && "$top_builddir/libtool" --quiet --tag=CC --mode=link $cc $sanitize -g \
	    -no-install -o "$work/$1" "$work/$1.o" "$top_builddir/libamy.la" -pthread
}

runs()
{
	# shellcheck disable=SC2059 # the marker has escapes
	printf "$(cat "$work/$1.in")" |
		timeout -k 5 60 "$work/$1" >"$work/$1.actual" 2>"$work/$1.stderr" &&
		diff "$work/$1.expected" "$work/$1.actual" && ! grep . "$work/$1.stderr"
}

# Many lines of several clients come back through it.
serves()
{
	local result=0 i=0

	"$work/$1" >"$work/$1.port" 2>"$work/$1.stderr" </dev/null &
	children="$children $!"
	wait_until file_has "$work/$1.port" '^port [0-9]+$' || return 1
	seq 100000 >"$work/$1.lines"
	while [ $i -lt 3 ]; do
		i=$((i + 1))
		talk openbsd 127.0.0.1 "$(sed 's/port //' "$work/$1.port")" \
		    <"$work/$1.lines" >"$work/$1.$i" &
		children="$children $!"
		eval "client$i=$!"
	done
	for i in 1 2 3; do
		eval "wait_for_end \$client$i"
		cmp "$work/$1.lines" "$work/$1.$i" || result=1
	done
	[ ! -s "$work/$1.stderr" ] || result=1
	cat "$work/$1.stderr"
	return $result
}

try_example()
{
	case $1 in
	part)
		check "the part \"$2\" of $3 compiles" compile "$2" ;;
	program)
		check "the program \"$2\" of $3 compiles" build "$2"
		check "the program \"$2\" of $3 prints what its page says" runs "$2" ;;
	server)
		check "the program \"$2\" of $3 compiles" build "$2"
		if command -v nc.openbsd >/dev/null; then
			check "the program \"$2\" of $3 serves three clients at once" serves "$2"
		else
			skip "the program \"$2\" of $3 serves three clients at once" \
			    "there is no nc.openbsd"
		fi ;;
	*)
		check "the example \"$2\" of $3 is of a known kind" false ;;
	esac
}

# --------------------------------------------------------------------------------------

need mandoc
for page in $pages; do
	check "$page is well-formed" lint "$page"
done
is "every page in man/ is known to this test" \
    "$(for page in $pages; do echo "$page"; done | sort)" \
    "$(own_pages | sort)"
write_pages_of_functions
check "every function of amy.h stands in the NAME and the SYNOPSIS of a page" \
    functions_are_documented
check "the pages speak of no function that does not exist" documented_functions_exist
check "every function has a page of its own name" links_lead_to_their_pages
check "the pages refer to pages that exist" references_exist
for page in libamy.3 amy_poller.3 amy_registrar.3 amy_wait_set.3 amy_line_reader.3 \
	amy_line_writer.3 amy_frame_reader.3 amy_frame_writer.3 amy_channel.3 amy_signals.3 \
	amy_datagrams.3; do
	check "$page has the sections of a page about a type" has_sections "$page" \
	    NAME SYNOPSIS DESCRIPTION "RETURN VALUES" THREADS EXAMPLES ERRORS "SEE ALSO"
done

check "every option of conf.c stands in amyd.conf(5)" options_are_documented
check "amyd.conf(5) speaks of no option that does not exist" documented_options_exist
check "every option of conf.c stands in etc/amyd.conf" options_are_in_the_example
check "etc/amyd.conf is good" "$amyd" -t -c "$top_srcdir/etc/amyd.conf"
check "etc/amyd.conf is good with all its sections and options uncommented" \
    example_is_good_uncommented
check "every option of the command line stands in amyd(8)" command_line_options_are_documented
check "every verb stands in amyd-protocol(7)" verbs_are_documented
check "amyd-protocol(7) has the error codes that amyd sends" errors_are_documented

extract_examples
while read -r kind name page <&3; do
	try_example "$kind" "$name" "$page"
done 3<"$work/examples"
check "every page about a type has an example" test "$(cut -d' ' -f3 "$work/examples" |
	sort -u | wc -l)" -eq "$(own_pages | grep -c '\.3$')"

extract_readme_example
printf 'hello\\n' >"$work/readme.in"
echo hello >"$work/readme.expected"
check "the README's program compiles" build readme
check "the README's program prints the line that it is sent" runs readme
done_testing

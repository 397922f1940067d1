#!/bin/sh
# SPDX-License-Identifier: MIT
# The units for systemd: it takes them without a complaint, they leave amyd next to nothing that it
# could do harm with, and each setting is explained.
. "${top_srcdir:-.}/tests/lib.sh"

need systemd-analyze

services="amyd amyd-activated"

# The units as make has written them, but with a program that is there.
for service in $services; do
	sed -E "s#^(ExecStart|ExecReload)=[^ ]*/amyd #\1=$top_builddir/amyd #" \
	    "$top_builddir/systemd/$service.service" >"$work/$service.service"
done
cp "$top_srcdir/systemd/amyd.socket" "$work"

# at_most SERVICE N: its exposure, in tenths
at_most()
{
	systemd-analyze security --offline=true --no-pager --threshold="$2" "$work/$1.service"
}

is_taken()
{
	(cd "$work" && systemd-analyze verify --man=no "./$1") >"$work/verify" 2>&1
	cat "$work/verify"
	[ ! -s "$work/verify" ]
}

# A setting, and others right behind it, stand below a comment.
settings_are_explained()
{
	awk '
		/^$/ || /^\[/ { explained = 0; next }
		/^#/ { explained = 1; next }
		/^(Description|Documentation|WantedBy|Also|Service)=/ { next }
		!explained { print FILENAME ": " $0; bad = 1 }
		END { exit bad }' "$1"
}

if systemd-analyze security --help 2>&1 | grep -q offline; then
	check "amyd.service is exposed by 0.9 at most" at_most amyd 9
	check "amyd-activated.service is exposed by 0.2 at most" at_most amyd-activated 2
else
	skip "how much the services are exposed" "systemd-analyze knows no --offline"
fi
for service in $services; do
	check "$service.service: systemd takes it without a word" is_taken "$service.service"
	check "$service.service: each setting is explained" \
	    settings_are_explained "$work/$service.service"
	unlike "$service.service: nothing is left to be put in" '@[a-z]+@' "$work/$service.service"
	is "$service.service: a reload checks the file first" "amyd -t -c amyd.conf,kill -HUP \$MAINPID" \
	    "$(sed -n 's/^ExecReload=//p' "$work/$service.service" | sed 's|[^ ]*/||g' | paste -sd,)"
	like "$service.service: it is started again, for as long as it takes" '^StartLimitIntervalSec=0$' \
	    "$work/$service.service"
	is "$service.service: but not if that cannot help" "64 77 78" \
	    "$(sed -n 's/^RestartPreventExitStatus=//p' "$work/$service.service")"
	like "$service.service: the watchdog is on" '^WatchdogSec=' "$work/$service.service"
done
check "amyd.service waits for the network" grep -qE '^After=.*network-online\.target' \
    "$work/amyd.service"
check "amyd.socket: systemd takes it without a word" is_taken amyd.socket
check "amyd.socket: each setting is explained" settings_are_explained "$work/amyd.socket"
like "amyd.socket starts the service that has no network" '^Service=amyd-activated.service$' \
    "$work/amyd.socket"

# What the services share is the same in both.
settings()
{
	grep -E '^[A-Z][A-Za-z]*=' "$work/$1.service" | sort
}

settings amyd >"$work/amyd.settings"
settings amyd-activated >"$work/amyd-activated.settings"
is "the services differ in who listens, and where, and in nothing else" "After
Conflicts
Description
IPAddressAllow
RestrictAddressFamilies
RuntimeDirectory
RuntimeDirectoryMode
WantedBy
Wants
Also
PrivateNetwork
Requires" "$(
	comm -23 "$work/amyd.settings" "$work/amyd-activated.settings" | cut -d = -f 1
	comm -13 "$work/amyd.settings" "$work/amyd-activated.settings" | cut -d = -f 1 |
	    grep -vxE 'After|Description|RestrictAddressFamilies'
)"

if command -v systemd-sysusers >/dev/null; then
	makes_user()
	{
		mkdir -p "$work/root/etc" &&
		    systemd-sysusers --root="$work/root" "$top_srcdir/systemd/amyd.sysusers" &&
		    grep -q '^amyd:' "$work/root/etc/passwd" "$work/root/etc/group"
	}
	check "systemd-sysusers makes a user and a group amyd" makes_user
else
	skip "systemd-sysusers makes a user and a group amyd" "there is no systemd-sysusers"
fi

done_testing

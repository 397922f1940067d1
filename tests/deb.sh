#!/bin/sh
# SPDX-License-Identifier: MIT
# The Debian packages. What debian/ says of the rest of the tree is always checked. With
# AMY_TEST_DEB=1 the packages are built, and examined by lintian; then, in a fresh Debian made
# by mmdebstrap from where this machine has its packages, installed, upgraded and purged.
. "${top_srcdir:-.}/tests/lib.sh"

debian=$top_srcdir/debian
version=$(sed -n 's/^PACKAGE_VERSION = //p' "$top_builddir/Makefile")
debs=$work/debs

# skip_packages REASON
skip_packages()
{
	skip "the packages" "$1"
	done_testing
}

# ---- What debian/ repeats ------------------------------------------------------------

exported()
{
	sed -n 's/^	\(amy_[a-z0-9_]*\);$/\1/p' "$top_srcdir/src/libamy/libamy.map" | sort
}

is "debian/changelog begins with this version" "amyd ($version)" \
    "$(sed -n '1s/ [a-z]*; .*//p' "$debian/changelog")"
is "debian/libamy1.symbols has what libamy.map exports" "$(exported)" \
    "$(sed -n 's/^ \(amy_[a-z0-9_]*\)@.*/\1/p' "$debian/libamy1.symbols" | sort)"

# With no tool at all in its PATH.
make_without_tools()
{
	! env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL PATH="$work" "$(command -v make)" \
	    -C "$top_builddir" deb deb_dir="$debs" >"$work/remedy" 2>&1
}

check "make deb fails without debhelper" make_without_tools
like "and says what to type" 'type: apt-get install .*debhelper$' "$work/remedy"

[ -n "${AMY_TEST_DEB:-}" ] || skip_packages "they take minutes: say AMY_TEST_DEB=1 for them"
for tool in dpkg-buildpackage dh lintian; do
	command -v $tool >/dev/null || skip_packages "there is no $tool"
done

# ---- Building ------------------------------------------------------------------------

# Their own tests would be these.
build()
{
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u LD_LIBRARY_PATH \
	    DEB_BUILD_OPTIONS=nocheck DEB_BUILD_PROFILES=nocheck \
	    make -C "$top_builddir" deb deb_dir="$debs"
}

# Its warnings are shown, but are no failures: each release of lintian has others.
examine()
{
	lintian --allow-root --fail-on error "$debs"/*.changes >"$work/lintian.out" 2>&1
}

check "make deb builds the packages" build
if ! ls "$debs"/*.changes >/dev/null 2>&1; then
	done_testing
fi
check "lintian finds no error" examine
sed 's/^/# lintian: /' "$work/lintian.out"

# deb PACKAGE: its file
deb()
{
	ls "$debs/$1"_*.deb
}

# field PACKAGE NAME
field()
{
	dpkg-deb -f "$(deb "$1")" "$2"
}

# has PACKAGE PATH...: patterns of the shell
has()
{
	local package=$1 path result=0

	shift
	dpkg-deb -x "$(deb "$package")" "$work/unpacked.$package"
	for path; do
		# shellcheck disable=SC2086
		ls -d "$work/unpacked.$package"/$path >/dev/null || result=1
	done
	return $result
}

# systemd's units are in /lib or in /usr/lib.
check "amyd has all its parts" has amyd usr/sbin/amyd usr/bin/amybench etc/amyd.conf \
    "*lib*/systemd/system/amyd.service" "*lib*/systemd/system/amyd.socket" \
    usr/lib/sysusers.d/amyd.conf usr/share/man/man8/amyd.8.gz \
    usr/share/man/man5/amyd.conf.5.gz usr/share/man/man7/amyd-protocol.7.gz \
    usr/share/man/man1/amybench.1.gz usr/share/bash-completion/completions/amyd \
    usr/share/bash-completion/completions/amybench
check "libamy1 has the library" has libamy1 "usr/lib/*/libamy.so.1" "usr/lib/*/libamy.so.1.*.*"
check "libamy-dev has what programs are written with" has libamy-dev usr/include/amy.h \
    "usr/lib/*/libamy.so" "usr/lib/*/pkgconfig/libamy.pc" usr/share/man/man3/libamy.3.gz \
    usr/share/man/man3/amy_poller_wait.3.gz usr/share/doc/libamy-dev/examples/echo_server.c

is "the files that are configuration are amyd.conf and that of logrotate" \
    "/etc/amyd.conf /etc/logrotate.d/amyd" \
    "$(dpkg-deb -I "$(deb amyd)" conffiles | sort | paste -sd ' ')"
field amyd Depends >"$work/depends"
like "amyd depends on the library that it needs" 'libamy1 \(>= 0\.1\.0\)' "$work/depends"
like "and on who makes its user" 'systemd-sysusers' "$work/depends"
is "the library may be installed for several architectures" "same" "$(field libamy1 Multi-Arch)"
is "and depends on the C library alone" "" \
    "$(field libamy1 Depends | tr ',' '\n' | grep -v '^ *libc6')"

# ---- Installing ----------------------------------------------------------------------

# skip_installing REASON
skip_installing()
{
	skip "installing" "$1"
	done_testing
}

command -v mmdebstrap >/dev/null || skip_installing "there is no mmdebstrap"
# Who is not root gets one from mmdebstrap.
if [ "$(id -u)" = 0 ] && ! unshare -n true 2>/dev/null; then
	skip_installing "no network namespace of our own"
fi

# Of where this machine has its packages, what is Debian's own.
apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' 'Origin: Debian' 2>/dev/null | sort -u >"$work/debian.list"
[ -s "$work/debian.list" ] || skip_installing "apt knows no packages of Debian"
apt-config dump Acquire >"$work/apt.conf"

# later PACKAGE: the same, of a later version
later()
{
	dpkg-deb -R "$(deb "$1")" "$work/later.$1" &&
	    sed -i 's/^Version: .*/&+1/' "$work/later.$1/DEBIAN/control" &&
	    dpkg-deb --root-owner-group -b "$work/later.$1" "$work/packages/$1+1.deb"
}

mkdir "$work/packages"
cp "$(deb amyd)" "$(deb libamy1)" "$work/packages"
check "the packages of a later version are made" eval "later amyd && later libamy1"

# What runs there. It writes "ok NAME" to report for what is as it should be.
cat >"$work/packages/inside" <<'END'
cd /packages || exit
exec </dev/null
export DEBIAN_FRONTEND=noninteractive

ok()
{
	local name=$1

	shift
	if "$@"; then
		echo "ok $name" >>report
	else
		echo "$name: this fails: $*"
	fi
}

not()
{
	! "$@"
}

version_is()
{
	[ "$(dpkg-query -W -f='${Version}' "$1")" = "$2" ]
}

is_edited()
{
	cmp /etc/amyd.conf edited && [ -z "$(find /etc -name 'amyd.conf?*')" ]
}

# What has the name of the package or of the library, but for what is of dpkg's own working.
remains()
{
	find / -xdev \( -path /proc -o -path /sys -o -path /packages -o -path /var/cache \) -prune -o \
	    -name '*amy*' -print
}

nothing_remains()
{
	remains >remains.txt
	cat remains.txt
	[ ! -s remains.txt ]
}

wants=/etc/systemd/system/multi-user.target.wants/amyd.service

nothing_remains || exit
ok "it installs" apt-get install -y ./amyd_*.deb ./libamy1_*.deb
ok "the user is there" getent passwd amyd
ok "amyd.service is enabled" test -L $wants
ok "amyd.socket is not" test -z "$(find /etc/systemd -name 'amyd.socket')"
ok "the configuration is good" amyd -t
ok "the daemon answers a netcat" unshare -n sh -eu talk
cat answers

echo '# edited' >>/etc/amyd.conf
cp /etc/amyd.conf edited
version=$(dpkg-query -W -f='${Version}' amyd)
ok "it is upgraded, and asks nothing" dpkg -i amyd+1.deb libamy1+1.deb
ok "to the later version" version_is amyd "$version+1"
ok "an edited amyd.conf stays" is_edited

ok "it is removed" dpkg -r amyd
ok "its configuration stays" is_edited
# as systemd leaves them
mkdir -p /var/log/private/amyd
ln -s private/amyd /var/log/amyd
echo 'MSG' >/var/log/amyd/lines
ok "it is purged" dpkg -P amyd libamy1
ok "nothing remains" nothing_remains
ok "but for the user" getent passwd amyd
END

# It has a network of its own, so that the ports of amyd.conf are free.
cat >"$work/packages/talk" <<'END'
ip link set lo up
mkdir -m 0777 ports
setpriv --reuid=amyd --regid=amyd --clear-groups amyd -l stderr -p "$PWD/ports/ports" &
polls=0
until [ -e ports/ports ]; do
	polls=$((polls + 1))
	[ "$polls" -lt 600 ] && kill -0 $!
	sleep 0.05
done
printf 'PUB a b\nQUIT\n' | timeout 60 nc -N 127.0.0.1 2693 >answers
kill $!
wait $!
printf '+OK 0\n+OK bye\n' | cmp - answers
END

try_inside()
{
	mmdebstrap --variant=apt --aptopt="$work/apt.conf" \
	    --include=iproute2,netcat-openbsd,systemd-standalone-sysusers,ca-certificates \
	    --customize-hook="copy-in $work/packages /" \
	    --customize-hook='chroot "$1" sh /packages/inside' \
	    --customize-hook="copy-out /packages/report $work" \
	    '' /dev/null "$work/debian.list" >"$work/inside.log" 2>&1
}

touch "$work/report"
if ! try_inside; then
	tail -n 30 "$work/inside.log" | sed 's/^/# /'
fi
file_has "$work/inside.log" 'running --customize-hook' ||
    skip_installing "mmdebstrap cannot make a Debian here"

sed -n 's/^ok "\([^"]*\)".*/\1/p' "$work/packages/inside" >"$work/names"
while read -r name; do
	like "installed: $name" "^ok $name\$" "$work/report"
done <"$work/names"
if [ "$(wc -l <"$work/report")" -lt "$(wc -l <"$work/names")" ]; then
	tail -n 60 "$work/inside.log" | sed 's/^/# /'
fi

done_testing

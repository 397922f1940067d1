# SPDX-License-Identifier: MIT
# Debian packages, built from what a release would be; they come to lie in deb/.

EXTRA_DIST += \
	%D%/amyd.docs \
	%D%/amyd.install \
	%D%/amyd.logrotate \
	%D%/amyd.postrm \
	%D%/changelog \
	%D%/control \
	%D%/copyright \
	%D%/libamy-dev.install \
	%D%/libamy1.install \
	%D%/libamy1.symbols \
	%D%/not-installed \
	%D%/rules \
	%D%/source/format

deb_dir = deb
deb_source = $(deb_dir)/$(PACKAGE)-$(VERSION)

.PHONY: deb
deb:
	@command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null || { \
		echo 'make deb: dpkg-buildpackage or debhelper is missing;' \
			'type: apt-get install dpkg-dev debhelper' >&2; exit 1; }
	@dpkg-checkbuilddeps $(srcdir)/%D%/control || { \
		echo 'make deb: packages are missing; type:' \
			'apt-get build-dep $(abs_top_srcdir)' >&2; exit 1; }
	rm -rf '$(deb_dir)'
	$(MKDIR_P) '$(deb_dir)'
	$(MAKE) $(AM_MAKEFLAGS) distdir distdir='$(deb_source)'
	cd '$(deb_source)' && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
		dpkg-buildpackage --no-sign --build=binary
	@cd '$(deb_dir)' && echo "The packages are in $$PWD:" && ls -1 *.deb

clean-local:
	rm -rf '$(deb_dir)'

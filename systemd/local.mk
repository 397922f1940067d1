# SPDX-License-Identifier: MIT
# Folders that contain others, such as $(sbindir), are only known to make in full.

services = %D%/amyd.service %D%/amyd-activated.service

EXTRA_DIST += %D%/amyd.service.in %D%/amyd-activated.service.in %D%/hardening.in \
	%D%/amyd.socket %D%/amyd.sysusers
CLEANFILES += $(services)
check_DATA += $(services)

if HAVE_SYSTEMD
systemdsystemunit_DATA = $(services) %D%/amyd.socket
endif

$(services): %D%/hardening.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	sed -e '/^@hardening[@]$$/ {' -e 'r $(srcdir)/%D%/hardening.in' -e d -e '}' \
		'$(srcdir)/$@.in' | \
	sed -e '/^# SPDX/ { 1!d }' -e '/make puts it in place of/d' \
		-e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' >$@.new && \
	mv $@.new $@

%D%/amyd.service: %D%/amyd.service.in
%D%/amyd-activated.service: %D%/amyd-activated.service.in

# sysusers.d wants names that end in .conf, and there is an amyd.conf already.
if HAVE_SYSUSERS
install-data-hook: install-sysusers
uninstall-hook: uninstall-sysusers

install-sysusers:
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)'
	$(INSTALL_DATA) '$(srcdir)/%D%/amyd.sysusers' '$(DESTDIR)$(sysusersdir)/amyd.conf'

uninstall-sysusers:
	rm -f '$(DESTDIR)$(sysusersdir)/amyd.conf'
endif

# SPDX-License-Identifier: MIT
# The configuration belongs to whoever runs the daemon: one that is there is left alone, and
# one that was changed is not removed.

conf_source = $(srcdir)/%D%/amyd.conf
conf_target = $(DESTDIR)$(sysconfdir)/amyd.conf

EXTRA_DIST += %D%/amyd.conf

install-data-local:
	@$(MKDIR_P) '$(DESTDIR)$(sysconfdir)'
	@if test -e '$(conf_target)'; then \
		echo "$(conf_target) is there and stays as it is"; \
	else \
		echo "$(INSTALL_DATA) $(conf_source) $(conf_target)"; \
		$(INSTALL_DATA) '$(conf_source)' '$(conf_target)'; \
	fi

uninstall-local:
	@if cmp -s '$(conf_source)' '$(conf_target)'; then \
		echo "rm -f $(conf_target)"; \
		rm -f '$(conf_target)'; \
	elif test -e '$(conf_target)'; then \
		echo "$(conf_target) was changed and stays"; \
	fi

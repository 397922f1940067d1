# SPDX-License-Identifier: MIT
# Each function of a page in section 3 has a page of its name that shows that page.

dist_man_MANS += \
	%D%/amyd.8 \
	%D%/amyd.conf.5 \
	%D%/amyd-protocol.7 \
	%D%/libamy.3 \
	%D%/amy_poller.3 \
	%D%/amy_registrar.3 \
	%D%/amy_line_reader.3 \
	%D%/amy_line_writer.3

poller_links = \
	%D%/amy_poller_create.3 \
	%D%/amy_poller_destroy.3 \
	%D%/amy_poller_wait.3

registrar_links = \
	%D%/amy_id_index.3 \
	%D%/amy_registrar_create.3 \
	%D%/amy_registrar_deregister.3 \
	%D%/amy_registrar_destroy.3 \
	%D%/amy_registrar_rearm.3 \
	%D%/amy_registrar_register.3 \
	%D%/amy_registrar_take.3

line_reader_links = \
	%D%/amy_line_reader_feed.3 \
	%D%/amy_line_reader_fini.3 \
	%D%/amy_line_reader_finish.3 \
	%D%/amy_line_reader_has_line.3 \
	%D%/amy_line_reader_init.3 \
	%D%/amy_line_reader_keep.3 \
	%D%/amy_line_reader_next.3 \
	%D%/amy_line_reader_unget.3

line_writer_links = \
	%D%/amy_line_writer_append.3 \
	%D%/amy_line_writer_consume.3 \
	%D%/amy_line_writer_fini.3 \
	%D%/amy_line_writer_init.3 \
	%D%/amy_line_writer_pending.3 \
	%D%/amy_line_writer_put.3 \
	%D%/amy_line_writer_putv.3 \
	%D%/amy_line_writer_truncate.3

man_links = $(poller_links) $(registrar_links) $(line_reader_links) $(line_writer_links)
man_MANS = $(man_links)
CLEANFILES += $(man_links)

$(poller_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_poller.3' >$@

$(registrar_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_registrar.3' >$@

$(line_reader_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_line_reader.3' >$@

$(line_writer_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_line_writer.3' >$@

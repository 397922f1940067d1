# SPDX-License-Identifier: MIT
# Each function of a page in section 3 has a page of its name that shows that page.

dist_man_MANS += \
	%D%/amybench.1 \
	%D%/amyd.8 \
	%D%/amyd.conf.5 \
	%D%/amyd-protocol.7 \
	%D%/libamy.3 \
	%D%/amy_poller.3 \
	%D%/amy_registrar.3 \
	%D%/amy_timer.3 \
	%D%/amy_user_event.3 \
	%D%/amy_wait_set.3 \
	%D%/amy_channel.3 \
	%D%/amy_signals.3 \
	%D%/amy_datagrams.3 \
	%D%/amy_frame_reader.3 \
	%D%/amy_frame_writer.3 \
	%D%/amy_line_reader.3 \
	%D%/amy_line_writer.3

poller_links = \
	%D%/amy_poller_create.3 \
	%D%/amy_poller_destroy.3 \
	%D%/amy_poller_reserve.3 \
	%D%/amy_poller_wait.3

registrar_links = \
	%D%/amy_id_index.3 \
	%D%/amy_registrar_cancel.3 \
	%D%/amy_registrar_create.3 \
	%D%/amy_registrar_deregister.3 \
	%D%/amy_registrar_destroy.3 \
	%D%/amy_registrar_rearm.3 \
	%D%/amy_registrar_register.3 \
	%D%/amy_registrar_take.3

timer_links = \
	%D%/amy_registrar_rearm_timer.3 \
	%D%/amy_registrar_register_timer.3

user_event_links = \
	%D%/amy_registrar_register_event.3 \
	%D%/amy_registrar_trigger.3

wait_set_links = \
	%D%/amy_wait_set_add.3 \
	%D%/amy_wait_set_create.3 \
	%D%/amy_wait_set_destroy.3 \
	%D%/amy_wait_set_modify.3 \
	%D%/amy_wait_set_remove.3 \
	%D%/amy_wait_set_wait.3

channel_links = \
	%D%/amy_channel_close.3 \
	%D%/amy_channel_create.3 \
	%D%/amy_channel_destroy.3 \
	%D%/amy_channel_fd.3 \
	%D%/amy_channel_receive.3 \
	%D%/amy_channel_send.3

signals_links = \
	%D%/amy_signals_open.3 \
	%D%/amy_signals_read.3

datagrams_links = \
	%D%/amy_datagrams_count.3 \
	%D%/amy_datagrams_create.3 \
	%D%/amy_datagrams_destroy.3 \
	%D%/amy_datagrams_drop.3 \
	%D%/amy_datagrams_get.3 \
	%D%/amy_datagrams_put.3 \
	%D%/amy_datagrams_receive.3 \
	%D%/amy_datagrams_send.3

line_reader_links = \
	%D%/amy_line_reader_feed.3 \
	%D%/amy_line_reader_fini.3 \
	%D%/amy_line_reader_finish.3 \
	%D%/amy_line_reader_has_line.3 \
	%D%/amy_line_reader_init.3 \
	%D%/amy_line_reader_init_delimiter.3 \
	%D%/amy_line_reader_is_empty.3 \
	%D%/amy_line_reader_keep.3 \
	%D%/amy_line_reader_next.3 \
	%D%/amy_line_reader_reserve.3 \
	%D%/amy_line_reader_set_max_line.3 \
	%D%/amy_line_reader_unget.3

line_writer_links = \
	%D%/amy_line_writer_append.3 \
	%D%/amy_line_writer_consume.3 \
	%D%/amy_line_writer_fini.3 \
	%D%/amy_line_writer_init.3 \
	%D%/amy_line_writer_pending.3 \
	%D%/amy_line_writer_put.3 \
	%D%/amy_line_writer_putv.3 \
	%D%/amy_line_writer_replace.3 \
	%D%/amy_line_writer_reserve.3 \
	%D%/amy_line_writer_truncate.3

frame_reader_links = \
	%D%/amy_frame_reader_feed.3 \
	%D%/amy_frame_reader_fini.3 \
	%D%/amy_frame_reader_init.3 \
	%D%/amy_frame_reader_is_empty.3 \
	%D%/amy_frame_reader_keep.3 \
	%D%/amy_frame_reader_next.3 \
	%D%/amy_frame_reader_reserve.3

frame_writer_links = \
	%D%/amy_frame_envelope.3 \
	%D%/amy_frame_writer_consume.3 \
	%D%/amy_frame_writer_fini.3 \
	%D%/amy_frame_writer_init.3 \
	%D%/amy_frame_writer_pending.3 \
	%D%/amy_frame_writer_put.3 \
	%D%/amy_frame_writer_putv.3 \
	%D%/amy_frame_writer_reserve.3

man_links = \
	$(poller_links) $(registrar_links) $(timer_links) $(user_event_links) $(wait_set_links) \
	$(channel_links) $(signals_links) $(datagrams_links) \
	$(line_reader_links) $(line_writer_links) $(frame_reader_links) $(frame_writer_links)
man_MANS = $(man_links)
CLEANFILES += $(man_links)

$(poller_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_poller.3' >$@

$(registrar_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_registrar.3' >$@

$(timer_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_timer.3' >$@

$(user_event_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_user_event.3' >$@

$(wait_set_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_wait_set.3' >$@

$(channel_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_channel.3' >$@

$(signals_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_signals.3' >$@

$(datagrams_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_datagrams.3' >$@

$(line_reader_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_line_reader.3' >$@

$(line_writer_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_line_writer.3' >$@

$(frame_reader_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_frame_reader.3' >$@

$(frame_writer_links):
	$(AM_V_GEN)$(MKDIR_P) %D% && echo '.so man3/amy_frame_writer.3' >$@

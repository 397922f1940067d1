# SPDX-License-Identifier: MIT
# Examples: built with the rest, and installed as text. They include <amy.h>, as any program.

example_programs = \
	%D%/chat \
	%D%/echo_server \
	%D%/timers \
	%D%/udp_echo

noinst_PROGRAMS += $(example_programs)
examplesdir = $(docdir)/examples
dist_examples_DATA = \
	%D%/chat.c \
	%D%/echo_server.c \
	%D%/program.h \
	%D%/timers.c \
	%D%/udp_echo.c

example_cppflags = $(AM_CPPFLAGS) -I$(srcdir)/src/libamy

%C%_chat_SOURCES = %D%/chat.c %D%/program.h
%C%_chat_CPPFLAGS = $(example_cppflags)
%C%_chat_LDADD = libamy.la

%C%_echo_server_SOURCES = %D%/echo_server.c %D%/program.h
%C%_echo_server_CPPFLAGS = $(example_cppflags)
%C%_echo_server_LDADD = libamy.la

%C%_timers_SOURCES = %D%/timers.c %D%/program.h
%C%_timers_CPPFLAGS = $(example_cppflags)
%C%_timers_LDADD = libamy.la

%C%_udp_echo_SOURCES = %D%/udp_echo.c %D%/program.h
%C%_udp_echo_CPPFLAGS = $(example_cppflags)
%C%_udp_echo_LDADD = libamy.la

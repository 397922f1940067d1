#!/bin/sh
# SPDX-License-Identifier: MIT
# The status page in a real browser: chromium, headless, driven by chromedriver (WebDriver, which
# is JSON over HTTP, and so curl's work). AMY_TEST_SHOTS=FOLDER keeps pictures of the page there.
. "${top_srcdir:-.}/tests/lib.sh"

[ "${HTTP:-yes}" = yes ] || skip_all "amyd is built without libmicrohttpd"
need curl chromedriver nc.openbsd
command -v chromium >/dev/null || command -v google-chrome >/dev/null ||
	skip_all "there is no chromium"

# ---- WebDriver -----------------------------------------------------------------------

# driver METHOD PATH [BODY]: what it answers
driver()
{
	local method=$1 path=$2

	shift 2
	curl -s -m 120 -X "$method" -H 'Content-Type: application/json' ${1:+--data "$1"} \
	    "http://127.0.0.1:$driver_port$path"
}

# The value of an answer that is a text, a number or a truth.
value()
{
	sed -n -e 's/^{"value":"\(.*\)"}$/\1/p' -e 's/^{"value":\([^"{[]*\)}$/\1/p'
}

# run SCRIPT: what it returns; without double quotes in it
run()
{
	driver POST "/session/$session/execute/sync" "{\"script\":\"$1\",\"args\":[]}" | value
}

# chrome COMMAND PARAMETERS: of the DevTools protocol
chrome()
{
	driver POST "/session/$session/goog/cdp/execute" "{\"cmd\":\"$1\",\"params\":$2}" \
	    >"$work/cdp.out"
}

# screen WIDTH HEIGHT IS-MOBILE SCHEME
screen()
{
	chrome Emulation.setDeviceMetricsOverride \
	    "{\"width\":$1,\"height\":$2,\"deviceScaleFactor\":1,\"mobile\":$3}"
	chrome Emulation.setEmulatedMedia \
	    "{\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"$4\"}]}"
}

shoot()
{
	[ -n "${AMY_TEST_SHOTS:-}" ] || return 0
	driver GET "/session/$session/screenshot" | value | base64 -d >"$AMY_TEST_SHOTS/$1.png"
}

has_driver_port()
{
	driver_port=$(sed -n 's/.*started successfully on port \([0-9]*\).*/\1/p' "$work/driver.out")
	[ -n "$driver_port" ]
}

start_browser()
{
	local arguments

	chromedriver --port=0 >"$work/driver.out" 2>&1 </dev/null &
	children="$children $!"
	wait_until has_driver_port || skip_all "chromedriver does not start"
	arguments="\"--headless=new\",\"--no-sandbox\",\"--disable-gpu\",\"--disable-dev-shm-usage\""
	arguments="$arguments,\"--no-first-run\",\"--user-data-dir=$work/profile\""
	driver POST /session "{\"capabilities\":{\"alwaysMatch\":{
	    \"goog:loggingPrefs\":{\"browser\":\"ALL\"},
	    \"goog:chromeOptions\":{\"args\":[$arguments]}}}}" >"$work/session"
	session=$(sed -n 's/.*"sessionId":"\([^"]*\)".*/\1/p' "$work/session")
	[ -n "$session" ] && return
	sed 's/^/# /' "$work/session" | cut -c 1-300
	skip_all "chromium does not start"
}

# The processes of the browser are the driver's: it ends them.
end_browser()
{
	driver DELETE "/session/$session" >/dev/null
}

# ---- What is looked at ---------------------------------------------------------------

# What an element says, digits only, or as it is.
number_of()
{
	run "return document.getElementById('$1').textContent.replace(/[^0-9].*in all.*\$/, '').replace(/[^0-9]/g, '')"
}

text_of()
{
	run "return document.getElementById('$1').textContent"
}

text_is_like()
{
	text_of "$1" | grep -Eq -- "$2"
}

number_is()
{
	[ "$(number_of "$1")" = "$2" ]
}

publish()
{
	{
		seq -f "PUB $1 line %g" "$2"
		echo QUIT
	} | talk openbsd 127.0.0.1 "$main_port" >"$work/published"
}

# As wide as the screen, and no wider.
fits()
{
	[ "$(run "return document.documentElement.scrollWidth <= window.innerWidth")" = true ]
}

background()
{
	run "return getComputedStyle(document.body).backgroundColor"
}

# --------------------------------------------------------------------------------------

start_daemon <<END
handlers = 2
listen main { address = "127.0.0.1:0" }
listen short { address = "127.0.0.1:0"  max_line = "200" }
listen in   { address = "127.0.0.1:0"  mode = "publish"  subject = "evil.in"  max_line = "40" }
listen web  { address = "127.0.0.1:0"  mode = "http" }
history logs { match = "log.>" }
rule errors { match = "log.>"  regex = "ERROR"  to = { "file:$work/errors" } }
END
main_port=$(port main)
web_port=$(port web)
start_browser

driver POST "/session/$session/url" "{\"url\":\"http://127.0.0.1:$web_port/\"}" >"$work/url"
check "the page says that amyd is running" wait_until text_is_like state '^running$'
is "and on which host it runs" "amyd on $(hostname) – running" "$(run "return document.title")"
check "it shows how many clients there may be" wait_until text_is_like clients '^0of 10,000$'
check "it shows how many lines came: none" wait_until number_is in-sub 0

publish log.web 40
check "the figure moves when lines are published" wait_until number_is in-sub 41
check "the busiest subject is shown" wait_until text_is_like busiest 'log\.web'
check "the listeners are shown" text_is_like listeners 'main.*command'
check "the history is shown" wait_until text_is_like history 'logs40'

screen 360 740 true light
check "on a phone nothing is too wide" wait_until fits
shoot phone-light
light=$(background)
screen 360 740 true dark
check "a dark screen is dark" test "$(background)" != "$light"
shoot phone-dark
screen 1280 900 false dark
check "on a desk nothing is too wide" wait_until fits
shoot desk-dark
screen 1280 900 false light
is "a light screen is light again" "$light" "$(background)"
shoot desk-light

driver POST "/session/$session/se/log" '{"type":"browser"}' >"$work/console"
is "the browser has nothing to complain of" '{"value":[]}' "$(cat "$work/console")"

# A page of somebody else's, which has the browser send lines to the listeners for lines. The names
# below .localhost are this machine's.
echo '<!doctype html><title>page</title>' >"$work/page.html"
driver POST "/session/$session/url" "{\"url\":\"file://$work/page.html\"}" >"$work/url"
subscribe page openbsd "evil.>" 127.0.0.1 "$main_port"
label=$(printf '%060d' 0)
for name in main short in; do
	for host in 127.0.0.1 "$label.$label.$label.$label.localhost"; do
		script="return fetch('http://$host:$(port "$name")/' + 'p'.repeat(300), {method: 'POST',"
		script="$script mode: 'no-cors', body: 'PUB evil.page x\\\\nPUB evil.page y\\\\n'})"
		run "$script.then(() => 1, () => 0)" >"$work/fetched"
		is "a page has sent its lines to $name by a name of ${#host} bytes" 0 "$(cat "$work/fetched")"
	done
	check "the log says that it speaks HTTP: $name" \
	    wait_until file_has "$work/log" "client [0-9]+ \\($name, .*: it speaks HTTP, "
done
echo "PUB evil.page end" | command_lines >"$work/published"
wait_until file_has "$work/page.out" end
is "and nothing of it is published" "+OK
MSG evil.page end" "$(cat "$work/page.out")"
leave page

driver POST "/session/$session/url" "{\"url\":\"http://127.0.0.1:$web_port/\"}" >"$work/url"
wait_until text_is_like state '^running$'

# The status page, while the daemon is gone, and when it is back at the same port.
sed "/^listen web/s/\"127.0.0.1:0\"  mode/\"127.0.0.1:$web_port\"  mode/" "$work/conf" >"$work/conf.new"
stop_daemon
check "the page says since when there was no answer" \
    wait_until text_is_like state '^no answer since [0-9]'
mv "$work/conf.new" "$work/conf"
launch_daemon
wait_until has_ports_or_is_over
check "it goes on by itself when there is one again" wait_until text_is_like state '^running$'
check "and counts anew" wait_until number_is in-sub 0

end_browser
stop_daemon "the daemon ends with 0 when it is told to again"
done_testing

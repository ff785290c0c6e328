#!/bin/sh
# Debian packages that the tests use. Installs what is missing when it may; else says the one command to run.
set -eu
PATH="$PATH:/usr/sbin"
missing=""
command -v mosquitto >/dev/null || missing="$missing mosquitto"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
command -v chromium >/dev/null || missing="$missing chromium"
command -v chromium-headless-shell >/dev/null || missing="$missing chromium-headless-shell fonts-noto-core"
command -v npm >/dev/null || missing="$missing nodejs npm"
ldconfig -p | grep -q libpangoft2-1.0 || missing="$missing libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
command -v victoria-metrics >/dev/null || missing="$missing victoria-metrics"
command -v influxd >/dev/null || missing="$missing influxdb"
command -v promtool >/dev/null || missing="$missing prometheus"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ]; then
    echo "installing$missing"
    # the tests start servers of their own, on ports of their own: no package starts its daemon here
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "The tests need$missing. Please run: sudo apt-get install$missing" >&2
    exit 1
fi

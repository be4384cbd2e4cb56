# serve.bash: what the "run" of each example is made of. It is sourced.
#
# Ports may be set: PORT (the gateway, 8080), SIM_PORT (the simulator of WeChat, 8089),
# BACKEND_PORT (3000), ADMIN_PORT (Caddy's admin endpoint, 2019).
# shellcheck shell=bash disable=SC2120 # options of the simulator may be given
set -euo pipefail

example=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$example/../.." && pwd)
bin=${BIN:-$root/bin}
scratch=$root/.run/examples/$(basename "$example")
port=${PORT:-8080} sim_port=${SIM_PORT:-8089} backend_port=${BACKEND_PORT:-3000} admin_port=${ADMIN_PORT:-2019}
export SITE=http://localhost:$port BACKEND=127.0.0.1:$backend_port CADDY_ADMIN=localhost:$admin_port
export WECHAT_API_BASE=http://127.0.0.1:$sim_port WECHAT_OPEN_BASE=http://localhost:$sim_port
export XDG_DATA_HOME=$scratch/data XDG_CONFIG_HOME=$scratch/config
mkdir -p "$scratch"
if [ ! -x "$bin/caddy" ] || [ ! -x "$bin/wechatsim" ]; then make -C "$root" build; fi

pids=()
# start NAME COMMAND...: runs it beside us; its log is NAME.log
start() {
	local name=$1
	shift
	"$@" >"$scratch/$name.log" 2>&1 &
	pids+=($!)
}

finish() {
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
	wait || true
}
trap finish EXIT
trap 'exit 0' INT TERM

# need COMMAND PACKAGE: says what to install
need() { command -v "$1" >/dev/null || { echo "This example needs $1 (Debian: apt install $2)." >&2; exit 1; }; }

# await ADDRESS...: returns when something accepts connections at all of them
await() {
	local address n
	for address; do
		for ((n = 0; ; n++)); do
			if (exec 3<>"/dev/tcp/${address%:*}/${address##*:}") 2>/dev/null; then break; fi
			if [ $n = 300 ] || ! kill -0 "${pids[@]}" 2>/dev/null; then
				echo "$address does not answer. The logs:" >&2
				tail -n 5 "$scratch"/*.log >&2
				exit 1
			fi
			sleep 0.2
		done
	done
}

simulator() { start wechatsim "$bin/wechatsim" -listen "127.0.0.1:$sim_port" "$@"; }
gateway() { start caddy "$bin/caddy" run --config "$example/Caddyfile" --adapter caddyfile; }
# a backend that shows what the gateway tells it
backend() { start backend env "PORT=$backend_port" "$bin/caddy" run --config "$root/examples/backend.Caddyfile" --adapter caddyfile; }

# ready: to be the last; stays until Ctrl-C, or until one of the programs ends
ready() {
	await "127.0.0.1:$sim_port" "$BACKEND" "localhost:$port"
	echo "The gateway is at $SITE, the simulator of WeChat at http://localhost:$sim_port."
	echo "See it work: ${example#"$root"/}/try. The logs are in ${scratch#"$root"/}. Ctrl-C ends it all."
	wait -n "${pids[@]}" || true
	echo "One of the programs ended. The logs:" >&2
	tail -n 5 "$scratch"/*.log >&2
	exit 1
}

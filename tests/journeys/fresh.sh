#!/usr/bin/env bash
# A clone, an empty environment, and every command of the README, as a new user would type them. Needs minutes.
set -euo pipefail
here=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
there=$(mktemp -d)
trap 'rm -rf "$there"' EXIT
clean=(env -i HOME="$there/home" PATH="$PATH" LANG=C.UTF-8)
for name in $(compgen -e | grep -iE '^(pip_|https?_proxy$|no_proxy$|ssl_cert|openblas_)' || true); do clean+=("$name=${!name}"); done
mkdir "$there/home"
git clone --quiet "$here" "$there/clr"
cd "$there/clr"

echo "== NumPy alone: the schedules"
"${PYTHON:-python3}" -m venv "$there/plain"
"${clean[@]}" "$there/plain/bin/pip" install --quiet --constraint constraints.txt .
rm -rf build ./*.egg-info
"${clean[@]}" "$there/plain/bin/python" - <<'PY'
import json, sys
from clr.schedules import from_dict, make
schedule = make("triangular2", base_lr=0.001, max_lr=0.006, step_size=2000)
assert from_dict(json.loads(json.dumps(schedule.to_dict()))) == schedule and schedule(2000) == 0.006
assert len(schedule.rates(4000)) == 4000 and "torch" not in sys.modules
PY
said=$("${clean[@]}" "$there/plain/bin/clr" --help 2>&1 || true)
grep -q "clr-sweep\[" <<<"$said" || { echo "clr without its extra must say which one: $said"; exit 1; }

echo "== make demo"
"${clean[@]}" make demo
echo "== make demo again installs nothing"
! "${clean[@]}" make --dry-run demo | grep -q 'pip install' || { echo "it would install again"; exit 1; }
echo "== make test"
"${clean[@]}" make test
echo "== README: Install"
rm -rf .venv .state
"${clean[@]}" bash -c "python3 -m venv .venv && .venv/bin/pip install --quiet --constraint constraints.txt '.[all]' && .venv/bin/clr --help >/dev/null"
echo "== README: one study, all in one command"
sed -n '/^# spec.yaml/,/^```/p' README.md | grep -v '^```' > spec.yaml
"${clean[@]}" .venv/bin/clr run spec.yaml
echo "fresh: everything works"

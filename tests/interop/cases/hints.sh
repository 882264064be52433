# Every line that `carnet serve` prints "In another terminal:", run exactly as printed, in one shell, in order.
. "$INTEROP/lib.sh"
need curl gfal-ls davix-ls rclone
serve

sed -n '/^In another terminal:$/,/^$/p' serve.out | sed '1d;$d;s/^  //' >lines
equal "there are lines to type" yes "$([[ -s lines ]] && echo yes)"

# One shell takes them one by one, as a person would type them; each must succeed and must not be answered an error.
{
    while IFS= read -r line; do
        printf '%s >printed 2>&1 || { code=$?; printf "exit code %%s from: %%s\\n" "$code" %q; cat printed; exit 1; }\n' "$line" "$line"
        printf 'if grep -Eq "^(failure: |HTTP/[0-9.]+ [45])|\\"error\\"" printed; then printf "an error from: %%s\\n" %q; cat printed; exit 1; fi\n' "$line"
    done <lines
} >typed.sh
ok "the lines as printed" env -i PATH="$PATH" HOME="$HOME" bash typed.sh
echo "lines typed: $(wc -l <lines)"
finish

# Every line that `carnet serve` prints "In another terminal:", run exactly as printed, in one shell, in order: in the world that is
# served by itself, whose tokens begin at /wlcg, and in two whose tokens begin at / and at "/our atlas".
. "$INTEROP/lib.sh"
need curl gfal-ls davix-ls rclone

begins='base_path = "/'
worlds=$INTEROP/../../scenarios/worlds
sed "s|$begins|&our atlas|" "$worlds/decisions-default.toml" >atlas.toml
equal "there is a place to change" yes "$(grep -q "${begins}our atlas" atlas.toml && echo yes)"

for world in default decisions-default "$PWD/atlas.toml"; do
    serve --topology "$world"
    sed -n '/^In another terminal:$/,/^$/p' serve.out | sed '1d;$d;s/^  //' >lines
    equal "there are lines to type in $world" yes "$([[ -s lines ]] && echo yes)"

    # One shell takes them one by one, as a person would type them; each must succeed and must not be answered an error.
    {
        while IFS= read -r line; do
            printf '%s >printed 2>&1 || { code=$?; printf "exit code %%s from: %%s\\n" "$code" %q; cat printed; exit 1; }\n' "$line" "$line"
            printf 'if grep -Eq "^(failure: |HTTP/[0-9.]+ [45])|\\"error\\"" printed; then printf "an error from: %%s\\n" %q; cat printed; exit 1; fi\n' "$line"
        done <lines
    } >typed.sh
    ok "the lines as printed in $world" env -i PATH="$PATH" HOME="$HOME" bash typed.sh
    echo "lines typed: $(wc -l <lines)"
    stop_all
done
finish

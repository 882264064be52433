//! The command line as people meet it: what it prints and the exit code, from `tests/cmd/*.trycmd`.

#[test]
fn commands_print_what_is_written_down() {
    trycmd::TestCases::new()
        .case("tests/cmd/*.trycmd")
        .case("tests/cmd/*.toml");
}

//! What holds of every text, whoever wrote it.

mod journals;

use carnet_report::{Level, Narrator, Options, Outcome, json, mask, text};
use carnet_stage::{Event, Note, StateChange};
use journals::{Dress, Script};
use proptest::prelude::*;

/// Texts that look for trouble: control characters, escapes, wide and invisible letters, tokens, markup.
fn hostile() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        any::<String>(),
        Just("\x1b[31m".to_owned()),
        Just("\u{9b}2J".to_owned()),
        Just("\r\n".to_owned()),
        Just("世界🦀".to_owned()),
        Just("e\u{301}\u{200d}\u{202e}".to_owned()),
        Just("eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0.c2ln".to_owned()),
        Just("https://se1.example/a/very/long/path/that/goes/on".to_owned()),
        "[a-z ]{0,60}",
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn is_harmless(line: &str) -> bool {
    !line.contains(|ch: char| {
        ch.is_control() || matches!(ch, '\u{202a}'..='\u{202e}' | '\u{200b}'..='\u{200f}')
    })
}

fn has_token(line: &str) -> bool {
    let is_base64url = |ch: char| ch.is_ascii_alphanumeric() || matches!(ch, '-' | '_');
    line.match_indices("eyJ").any(|(at, _)| {
        let rest = line[at..].trim_start_matches(is_base64url);
        rest.strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(is_base64url))
    })
}

proptest! {
    #[test]
    fn washed_text_is_harmless_and_hidden_tokens_stay_hidden(input in hostile()) {
        prop_assert!(is_harmless(&text::clean(&input)));
        prop_assert_eq!(text::clean(&text::clean(&input)), text::clean(&input));
        prop_assert!(!has_token(&mask::hide(&input)));
        prop_assert!(is_harmless(&json::inline(&serde_json::Value::from(input))));
    }

    #[test]
    fn folding_loses_no_letter_and_keeps_to_the_width(input in hostile(), width in 24_usize..120, indent in 0_usize..12) {
        let washed = text::clean(&input);
        let (first, rest) = (" ".repeat(indent), " ".repeat(indent + 2));
        let lines = text::fold(&first, &rest, &washed, width);
        for line in &lines {
            prop_assert!(text::columns(line) <= width, "{} > {}: {:?}", text::columns(line), width, line);
        }
        let letters = |text: &str| text.chars().filter(|ch| !ch.is_whitespace()).collect::<String>();
        prop_assert_eq!(letters(&lines.concat()), letters(&washed));
    }

    #[test]
    fn any_journal_is_told_within_the_width(words in prop::collection::vec(hostile(), 8), status in 0_u16..600) {
        let mut script = Script::default();
        let step = script.step(1, &words[0]);
        let exchange = journals::exchange(&words[1], &words[2], &words[3], &words[4], status)
            .with(&words[5], &words[6])
            .bearer(&words[7])
            .sends("text/plain", &words[0])
            .gets("application/json", &words[1]);
        let at = script.exchange(step, exchange);
        let token = journals::access(&words[2], Some(&words[3]), &words[4], &words[5], &words[6], &[&words[7]], &words[0]);
        script.issued(at, token);
        let check = journals::check(&words[1], status % 2 == 0, &words[2], &words[3]);
        script.judged(at, journals::verdict(&words[4], &words[5], &words[6], vec![check]));
        script.add(&words[0], Some(at), Event::Note(Note { text: words[7].clone() }));
        let [entity, id, from, to, why] = [0, 1, 2, 3, 4].map(|index: usize| words[index].clone());
        script.add(&words[0], Some(at), Event::State(StateChange { entity, id, from, to, why }));
        script.expect(&words[1], &words[2], &[at], Some(&words[3]));
        for level in [Level::Quiet, Level::Normal, Level::Verbose] {
            let mut narrator = Narrator::new(Options { level, ..Options::default() });
            let mut told: String = script.records.iter().map(|record| narrator.record(record)).collect();
            told.push_str(&narrator.close(&Outcome { scenario: words[0].clone(), failure: Some(words[1].clone()), ..Outcome::default() }));
            for line in told.lines() {
                prop_assert!(is_harmless(line) && text::columns(line) <= 100 && !has_token(line), "{line:?}");
            }
        }
    }
}

//! What the page's template is given: every text already washed, every number already in words.

use carnet_stage::Seq;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Page {
    pub(super) title: String,
    pub(super) style: &'static str,
    pub(super) passed: bool,
    pub(super) verdict: String,
    pub(super) scenarios: Vec<Scenario>,
}

#[derive(Serialize)]
pub(super) struct Scenario {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) source: Option<String>,
    pub(super) passed: bool,
    pub(super) verdict: String,
    pub(super) proofs: Vec<String>,
    pub(super) facts: Vec<Named>,
    pub(super) expectations: Vec<Expected>,
    pub(super) tokens: Vec<Token>,
    pub(super) items: Vec<Item>,
}

#[derive(Serialize)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Serialize)]
pub(super) struct Expected {
    pub(super) label: String,
    pub(super) text: String,
    pub(super) held: bool,
    pub(super) place: String,
    pub(super) why: Vec<String>,
    pub(super) records: Vec<Seq>,
}

#[derive(Serialize)]
pub(super) struct Token {
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) header: String,
    pub(super) payload: String,
    pub(super) times: Vec<Named>,
    pub(super) measure: String,
    pub(super) aspects: Vec<Aspect>,
    pub(super) children: Vec<Token>,
}

#[derive(Serialize)]
pub(super) struct Aspect {
    pub(super) name: &'static str,
    pub(super) shift: &'static str,
    pub(super) class: &'static str,
    pub(super) detail: String,
}

#[derive(Serialize, Default)]
pub(super) struct Item {
    pub(super) seq: Seq,
    pub(super) depth: usize,
    pub(super) kind: &'static str,
    pub(super) open: bool,
    pub(super) before: String,
    pub(super) strong: String,
    pub(super) result: String,
    pub(super) class: &'static str,
    pub(super) lines: Vec<Line>,
    pub(super) details: Vec<Detail>,
    pub(super) checks: Vec<Check>,
    pub(super) token: Option<Token>,
}

#[derive(Serialize)]
pub(super) struct Line {
    pub(super) class: &'static str,
    pub(super) text: String,
}

#[derive(Serialize)]
pub(super) struct Detail {
    pub(super) title: String,
    pub(super) text: String,
}

#[derive(Serialize)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) ok: bool,
    pub(super) saw: String,
    pub(super) wanted: String,
}

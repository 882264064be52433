//! `carnet schema`: the JSON schemas of what people and programs write and read.

use carnet_stage::Record;

use crate::args::Schema;
use crate::{Outcome, output};

pub(crate) fn schema(which: Schema) -> anyhow::Result<Outcome> {
    let schema = match which {
        Schema::Scenario => carnet_scenarios::schema().clone(),
        Schema::Journal => schemars::schema_for!(Record).to_value(),
    };
    output::tell_line(&serde_json::to_string_pretty(&schema)?);
    Ok(Outcome::Held)
}

//! The committed schema is the one the code makes.

#[test]
fn the_committed_schema_is_fresh() {
    let made = format!(
        "{}\n",
        serde_json::to_string_pretty(carnet_scenarios::schema()).unwrap()
    );
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json");
    if std::env::var_os("CARNET_WRITE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == made,
        "scenarios/schema.json is stale: run `carnet schema > scenarios/schema.json`"
    );
}

#[test]
fn every_setting_is_described() {
    let mut bare = Vec::new();
    walk(carnet_scenarios::schema(), "", &mut bare);
    assert!(bare.is_empty(), "without a description: {bare:#?}");
}

fn walk(schema: &serde_json::Value, at: &str, bare: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(members) => {
            for (name, of) in members
                .get("properties")
                .and_then(|p| p.as_object())
                .into_iter()
                .flatten()
            {
                // A variant's name is described at the variant.
                let variant = members
                    .get("required")
                    .and_then(|r| r.as_array())
                    .is_some_and(|r| r.len() == 1)
                    && members
                        .get("properties")
                        .and_then(|p| p.as_object())
                        .is_some_and(|p| p.len() == 1);
                if of.get("description").is_none() && of.get("$ref").is_none() && !variant {
                    bare.push(format!("{at}/{name}"));
                }
            }
            for (name, below) in members {
                walk(below, &format!("{at}/{name}"), bare);
            }
        }
        serde_json::Value::Array(items) => {
            for (index, below) in items.iter().enumerate() {
                walk(below, &format!("{at}/{index}"), bare);
            }
        }
        _ => {}
    }
}

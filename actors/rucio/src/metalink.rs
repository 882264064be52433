//! Metalink documents: what a client downloads from (RFC 5854; rucio page §1.4).

use std::fmt::Write as _;

use serde_json::Value;

/// The document for rows of `POST /replicas/list`.
pub(crate) fn document(rows: &[Value]) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n",
    );
    for row in rows {
        file(&mut xml, row);
    }
    xml.push_str("</metalink>\n");
    xml
}

fn file(xml: &mut String, row: &Value) {
    let text = |key: &str| escape(row[key].as_str().unwrap_or_default());
    let (scope, name) = (text("scope"), text("name"));
    // Writing to a String does not fail.
    let _ = writeln!(xml, " <file name=\"{name}\">");
    if let Some(parents) = row["parents"].as_array() {
        let _ = writeln!(xml, "  <parents>");
        for parent in parents.iter().filter_map(Value::as_str) {
            let _ = writeln!(xml, "   <did>{}</did>", escape(parent));
        }
        let _ = writeln!(xml, "  </parents>");
    }
    let _ = writeln!(xml, "  <identity>{scope}:{name}</identity>");
    for kind in ["adler32", "md5"] {
        if let Some(sum) = row[kind].as_str() {
            let _ = writeln!(xml, "  <hash type=\"{kind}\">{}</hash>", escape(sum));
        }
    }
    if let Some(bytes) = row["bytes"].as_u64() {
        let _ = writeln!(xml, "  <size>{bytes}</size>");
    }
    let _ = writeln!(
        xml,
        "  <glfn name=\"/generic/rucio/{scope}:{name}\"></glfn>"
    );
    for (url, facts) in row["pfns"].as_object().into_iter().flatten() {
        let _ = writeln!(
            xml,
            "  <url location=\"{}\" domain=\"{}\" priority=\"{}\" client_extract=\"false\">{}</url>",
            escape(facts["rse"].as_str().unwrap_or_default()),
            escape(facts["domain"].as_str().unwrap_or_default()),
            facts["priority"],
            escape(url)
        );
    }
    let _ = writeln!(xml, " </file>");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_document_is_a_production_rucios() {
        let row = json!({
            "scope": "ddmlab", "name": "g.dat", "bytes": 3000, "adler32": "d068d46d", "md5": null, "parents": ["ddmlab:g1"],
            "pfns": {"https://h:28443/data/a?b&c": {"rse": "SRC", "domain": "wan", "priority": 1}},
        });
        let want = r#"<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
 <file name="g.dat">
  <parents>
   <did>ddmlab:g1</did>
  </parents>
  <identity>ddmlab:g.dat</identity>
  <hash type="adler32">d068d46d</hash>
  <size>3000</size>
  <glfn name="/generic/rucio/ddmlab:g.dat"></glfn>
  <url location="SRC" domain="wan" priority="1" client_extract="false">https://h:28443/data/a?b&amp;c</url>
 </file>
</metalink>
"#;
        assert_eq!(document(&[row]), want);
    }
}

//! `params` of a submission: defaults, odd spellings and refusals of the real server (FTS page §1.3, "params").

use serde_json::{Map, Value, json};

use crate::errors::Refused;
use crate::verify::ChecksumMode;

/// Longest metadata, in bytes of JSON.
pub const METADATA_LIMIT: usize = 1024;

/// What a job asks for as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// `verify_checksum`, not yet weighed against the files' checksums.
    pub verify: Verify,
    /// Letter of the overwrite flag: `Y R M D Q`.
    pub overwrite: Option<&'static str>,
    /// Session reuse asked for.
    pub reuse: bool,
    /// Files are hops.
    pub multihop: bool,
    /// Attempts after the first: negative none, 0 what the server says.
    pub retry: i64,
    /// Seconds between attempts, 0 what the server says.
    pub retry_delay: i64,
    /// 1 to 5.
    pub priority: u8,
    /// Seconds the job may wait in the queue.
    pub max_time_in_queue: Option<i64>,
    /// Seconds for the copy, 0 computed from the size.
    pub timeout: i64,
    /// Only the COPY, no checks before or after.
    pub strict_copy: bool,
    /// Leaves a broken copy in place.
    pub disable_cleanup: bool,
    /// Storage tokens are used as they come, neither exchanged nor refreshed.
    pub unmanaged_tokens: bool,
    /// `copy_pin_lifetime`.
    pub copy_pin_lifetime: i64,
    /// `bring_online`.
    pub bring_online: i64,
    /// `archive_timeout`.
    pub archive_timeout: i64,
    /// `dst_file_report`.
    pub dst_file_report: bool,
    /// `source_spacetoken`.
    pub source_spacetoken: Value,
    /// `destination_spacetoken`.
    pub destination_spacetoken: Value,
    /// `job_metadata`, with the authentication method added.
    pub job_metadata: Value,
    /// Text of the agent's parameters, as REST shows it.
    pub internal: Option<String>,
    /// The submitter's id for a deterministic job id.
    pub sid: Option<String>,
}

/// `verify_checksum` as submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// `true` or `false`.
    Flag(bool),
    /// A word, by its first letter.
    Mode(ChecksumMode),
}

impl Params {
    /// From the `params` member, which may be absent.
    pub fn parse(given: Option<&Value>) -> Result<Self, Refused> {
        let empty = Map::new();
        let given = match given {
            None => &empty,
            Some(Value::Object(map)) => map,
            Some(other) => {
                return Err(Refused::malformed(&format!(
                    "'{}' object is not iterable",
                    python_type(other)
                )));
            }
        };
        let get = |name: &str| given.get(name).filter(|value| !value.is_null());
        let flag = |name: &str| get(name).is_some_and(safe_flag);
        let truthy = |name: &str| get(name).is_some_and(truthy);
        let number = |name: &str, default: i64| get(name).map_or(Ok(default), python_int);
        let overwrite = overwrite_flag([
            flag("overwrite"),
            flag("overwrite_on_retry"),
            flag("overwrite_when_only_on_disk"),
            flag("overwrite_hop"),
        ]);
        let metadata = get("job_metadata")
            .map(|value| metadata(value, "metadata"))
            .transpose()?;
        let deterministic = get("id_generator").and_then(Value::as_str) == Some("deterministic");
        let sid = match (deterministic, get("sid")) {
            (false, _) => None,
            (true, Some(Value::String(sid))) => Some(sid.clone()),
            (true, Some(other)) => Some(other.to_string()),
            (true, None) => {
                return Err(Refused::bad("Need sid for deterministic job id generation"));
            }
        };
        let overwrite = overwrite?;
        let archive_timeout = number("archive_timeout", -1)?;
        if matches!(overwrite, Some("D" | "Q")) && archive_timeout <= 0 {
            return Err(Refused::bad(
                "'overwrite-when-only-on-disk' requires 'archive-timeout' to be set",
            ));
        }
        let multihop = truthy("multihop");
        if matches!(overwrite, Some("M" | "Q")) && !multihop {
            return Err(Refused::bad(
                "'overwrite-hop' requires multihop job submission",
            ));
        }
        let verify = match get("verify_checksum") {
            None => Verify::Flag(false),
            Some(Value::Bool(on)) => Verify::Flag(*on),
            Some(Value::String(word)) if !word.is_empty() => {
                Verify::Mode(ChecksumMode::from_word(word).unwrap_or(ChecksumMode::None))
            }
            Some(Value::String(_)) => return Err(Refused::value("string index out of range")),
            Some(other) => {
                return Err(Refused::malformed(&format!(
                    "'{}' object is not subscriptable",
                    python_type(other)
                )));
            }
        };
        Ok(Self {
            verify,
            overwrite,
            reuse: flag("reuse"),
            multihop,
            retry: number("retry", 0)?,
            retry_delay: number("retry_delay", 0)?.clamp(0, 7 * 86_400),
            priority: number("priority", 3)?.clamp(1, 5) as u8,
            max_time_in_queue: get("max_time_in_queue").and_then(seconds_from_value),
            timeout: number("timeout", 0)?.clamp(0, 7 * 86_400),
            strict_copy: truthy("strict_copy"),
            disable_cleanup: truthy("disable_cleanup"),
            unmanaged_tokens: flag("unmanaged_tokens"),
            copy_pin_lifetime: number("copy_pin_lifetime", -1)?,
            bring_online: number("bring_online", -1)?,
            archive_timeout,
            dst_file_report: flag("dst_file_report"),
            source_spacetoken: given
                .get("source_spacetoken")
                .cloned()
                .unwrap_or(Value::Null),
            destination_spacetoken: given
                .get("destination_spacetoken")
                .cloned()
                .unwrap_or(Value::Null),
            job_metadata: with_auth_method(metadata),
            internal: internal_params(given)?,
            sid,
        })
    }
}

fn with_auth_method(metadata: Option<Value>) -> Value {
    match metadata {
        Some(Value::Object(mut map)) => {
            map.insert("auth_method".into(), json!("oauth2"));
            Value::Object(map)
        }
        _ => json!({"auth_method": "oauth2"}),
    }
}

fn overwrite_flag(flags: [bool; 4]) -> Result<Option<&'static str>, Refused> {
    let [plain, retry, disk, hop] = flags;
    let count = flags.into_iter().filter(|on| *on).count();
    if count > 1 && !(count == 2 && hop && disk) {
        return Err(Refused::bad(
            "Incompatible overwrite flags used at the same time",
        ));
    }
    Ok(match (plain, retry, disk, hop) {
        (true, ..) => Some("Y"),
        (_, true, ..) => Some("R"),
        (_, _, true, true) => Some("Q"),
        (_, _, _, true) => Some("M"),
        (_, _, true, _) => Some("D"),
        _ => None,
    })
}

fn internal_params(given: &Map<String, Value>) -> Result<Option<String>, Refused> {
    let set = |name: &str| given.get(name).is_some_and(truthy);
    let mut parts = Vec::new();
    for (name, word) in [
        ("nostreams", "nostreams"),
        ("timeout", "timeout"),
        ("buffer_size", "buffersize"),
    ] {
        if let Some(value) = given.get(name).filter(|value| truthy(value)) {
            parts.push(format!("{word}:{}", python_int(value)?));
        }
    }
    for (name, word) in [
        ("strict_copy", "strict"),
        ("disable_cleanup", "disable-cleanup"),
    ] {
        if set(name) {
            parts.push(word.to_owned());
        }
    }
    if set("ipv4") {
        parts.push("ipv4".into());
    } else if set("ipv6") {
        parts.push("ipv6".into());
    }
    if set("s3alternate") {
        parts.push("s3alternate".into());
    }
    Ok((!parts.is_empty()).then(|| parts.join(",")))
}

/// Metadata: a JSON object, or a label in its place; bounded.
pub fn metadata(value: &Value, what: &str) -> Result<Value, Refused> {
    let value = match value {
        Value::Object(_) => value.clone(),
        Value::String(_) if what != "metadata" => {
            return Err(Refused::bad(format!(
                "Job Submission Refused, {what} must be a dictionary"
            )));
        }
        other => json!({"label": other}),
    };
    if value.to_string().len() > METADATA_LIMIT {
        return Err(Refused::bad(format!(
            "Job Submission Refused, {what} exceeds size limit of {METADATA_LIMIT}"
        )));
    }
    Ok(value)
}

/// `true`, a non-zero number, or a word that begins with Y.
pub fn safe_flag(value: &Value) -> bool {
    match value {
        Value::String(word) => word.starts_with(['y', 'Y']),
        other => truthy(other),
    }
}

/// What the real server's language takes for true.
pub fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// A whole number in any of the spellings that the real server takes.
pub fn python_int(value: &Value) -> Result<i64, Refused> {
    match value {
        Value::Bool(on) => Ok(i64::from(*on)),
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_f64().map(|float| float as i64))
            .ok_or_else(|| Refused::value("Python int too large to convert to C long")),
        Value::String(text) => text.trim().parse().map_err(|_| {
            Refused::value(&format!("invalid literal for int() with base 10: '{text}'"))
        }),
        other => Err(Refused::malformed(&format!(
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            python_type(other)
        ))),
    }
}

/// A time in hours when it is a number, else by its last letter.
pub fn seconds_from_value(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number
            .as_i64()
            .filter(|hours| *hours != 0)?
            .checked_mul(3600),
        Value::String(text) => {
            let unit = match text.chars().next_back()?.to_ascii_lowercase() {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                _ => return None,
            };
            text.get(..text.len() - 1)?
                .trim()
                .parse::<i64>()
                .ok()?
                .checked_mul(unit)
        }
        _ => None,
    }
}

/// The name of a JSON value's type in the real server's messages.
pub fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(params: &Value) -> Result<Params, String> {
        Params::parse(Some(params)).map_err(|refused| refused.message)
    }

    #[test]
    fn nulls_mean_the_defaults() {
        let plain = Params::parse(None).unwrap();
        let nulls = json!({"verify_checksum": null, "retry": null, "priority": null, "timeout": null,
            "max_time_in_queue": null, "overwrite": null, "job_metadata": null, "reuse": null});
        assert_eq!(parse(&nulls).unwrap(), plain);
        assert_eq!(
            (plain.priority, plain.retry, plain.verify),
            (3, 0, Verify::Flag(false))
        );
        assert_eq!(plain.job_metadata, json!({"auth_method": "oauth2"}));
    }

    #[test]
    fn refusals_read_as_the_real_ones() {
        let long = "x".repeat(1100);
        let cases = [
            (
                json!({"overwrite": true, "overwrite_hop": true}),
                "Incompatible overwrite flags used at the same time",
            ),
            (
                json!({"overwrite_when_only_on_disk": true}),
                "'overwrite-when-only-on-disk' requires 'archive-timeout' to be set",
            ),
            (
                json!({"overwrite_hop": true}),
                "'overwrite-hop' requires multihop job submission",
            ),
            (
                json!({"id_generator": "deterministic"}),
                "Need sid for deterministic job id generation",
            ),
            (
                json!({"job_metadata": {"a": long}}),
                "Job Submission Refused, metadata exceeds size limit of 1024",
            ),
            (
                json!({"retry": "many"}),
                "Invalid value within the request: invalid literal for int() with base 10: 'many'",
            ),
            (
                json!({"verify_checksum": 1}),
                "Malformed request: 'int' object is not subscriptable",
            ),
        ];
        for (params, wanted) in cases {
            assert_eq!(
                parse(&params).map(|_| ()),
                Err(wanted.to_owned()),
                "{params}"
            );
        }
    }

    #[test]
    fn flags_and_letters() {
        let cases = [
            (json!({"overwrite": true}), Some("Y")),
            (json!({"overwrite": "Yes"}), Some("Y")),
            (json!({"overwrite": "no"}), None),
            (json!({"overwrite_on_retry": 1}), Some("R")),
            (json!({"overwrite_hop": true, "multihop": true}), Some("M")),
            (
                json!({"overwrite_when_only_on_disk": true, "archive_timeout": 9}),
                Some("D"),
            ),
            (
                json!({"overwrite_hop": true, "overwrite_when_only_on_disk": true, "archive_timeout": 9, "multihop": 1}),
                Some("Q"),
            ),
        ];
        for (params, wanted) in cases {
            assert_eq!(parse(&params).unwrap().overwrite, wanted, "{params}");
        }
    }

    #[test]
    fn queue_times() {
        let cases = [
            (json!(2), Some(7200)),
            (json!(0), None),
            (json!("30m"), Some(1800)),
            (json!("10s"), Some(10)),
            (json!("2d"), Some(172_800)),
            (json!("2x"), None),
            (json!(""), None),
            (json!(i64::MAX), None),
        ];
        for (value, wanted) in cases {
            assert_eq!(seconds_from_value(&value), wanted, "{value}");
        }
    }

    #[test]
    fn priority_is_bounded_and_metadata_may_be_a_label() {
        assert_eq!(parse(&json!({"priority": 99})).unwrap().priority, 5);
        assert_eq!(parse(&json!({"priority": "-1"})).unwrap().priority, 1);
        assert_eq!(
            parse(&json!({"job_metadata": "mine"}))
                .unwrap()
                .job_metadata,
            json!({"label": "mine", "auth_method": "oauth2"})
        );
        assert_eq!(
            parse(
                &json!({"nostreams": 1, "timeout": 20, "strict_copy": true, "s3alternate": true})
            )
            .unwrap()
            .internal,
            Some("nostreams:1,timeout:20,strict,s3alternate".into())
        );
    }
}

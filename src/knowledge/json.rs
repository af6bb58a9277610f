//! JSON of any of the tools that export it: objects one after another, in arrays, or in `value`.

use serde_json::{Map, Value};

/// What the wrapper of an object says of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    /// `@odata.context`, whose end names the collection (`…#servicePrincipals`).
    pub(super) collection: String,
    /// A list was seen, even an empty one.
    pub(super) saw_list: bool,
}

/// One JSON object; names of members are found whatever their case, as PowerShell writes `Id`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'v>(pub(super) &'v Map<String, Value>);

impl<'v> Object<'v> {
    /// A member that is there and not null.
    pub(super) fn get(self, name: &str) -> Option<&'v Value> {
        let exact = self.0.get(name);
        let any = || self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        exact.or_else(any).filter(|value| !value.is_null())
    }

    /// Whether a member is there, be it null.
    pub(super) fn has(self, name: &str) -> bool {
        self.0.keys().any(|key| key.eq_ignore_ascii_case(name))
    }

    /// A text that is not empty.
    pub(super) fn text(self, name: &str) -> Option<&'v str> {
        self.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The first of several names that has a text.
    pub(super) fn any_text(self, names: &[&str]) -> Option<&'v str> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A text in lower case: ids.
    pub(super) fn id(self, names: &[&str]) -> Option<String> {
        self.any_text(names).map(str::to_ascii_lowercase)
    }

    /// A member that is an object.
    pub(super) fn object(self, name: &str) -> Option<Object<'v>> {
        self.get(name)?.as_object().map(Object)
    }

    /// A list; none where it is missing.
    pub(super) fn list(self, name: &str) -> &'v [Value] {
        self.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Why this object cannot be used, naming its members as far as they are plain words.
    pub(super) fn unknown(self) -> String {
        if self.has("operationName") || self.has("category") {
            return "looks like a log: give it as an input, not as knowledge".to_owned();
        }
        let is_plain =
            |key: &&String| key.bytes().all(|byte| byte.is_ascii_alphanumeric()) && key.len() <= 32;
        let names: Vec<&str> = self.0.keys().filter(is_plain).take(5).map(String::as_str).collect();
        format!(
            "no shape that is known (an object with {}); known are the lists of `az ad sp|app|user|group`, \
             Graph, Get-AzAD*, `az identity list`, `az keyvault show`, ARM vaults, role assignments, and \
             `az keyvault key list|show`",
            if names.is_empty() { "no plain member".to_owned() } else { names.join(", ") }
        )
    }
}

/// The text of a file: UTF-8 with or without its mark, or UTF-16 as Windows PowerShell redirects.
pub(super) fn text(bytes: &[u8]) -> Result<String, String> {
    let wide = |from: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map_err(|_| "is neither UTF-8 nor UTF-16".to_owned())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => wide(u16::from_be_bytes, rest),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "is neither UTF-8 nor UTF-16".to_owned())
}

/// Hands out every object of a text, and says what its wrappers told.
pub(super) fn each(
    text: &str,
    mut take: impl FnMut(Object<'_>, &Context) -> Result<(), String>,
) -> Result<Context, String> {
    let mut all = Context::default();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value
            .map_err(|error| format!("line {} column {}: no readable JSON", error.line(), error.column()))?;
        of_value(&value, &Context::default(), &mut all, &mut take)?;
    }
    Ok(all)
}

/// The objects of a value; arrays and `value` wrappers may lie in each other, as when several
/// answers are put together. The parser bounds how deep.
fn of_value(
    value: &Value,
    context: &Context,
    all: &mut Context,
    take: &mut impl FnMut(Object<'_>, &Context) -> Result<(), String>,
) -> Result<(), String> {
    match value {
        Value::Array(values) => {
            all.saw_list = true;
            values.iter().try_for_each(|value| of_value(value, context, all, take))
        }
        Value::Object(map) => match map.get("value").filter(|value| value.is_array()) {
            Some(list) => {
                let collection = map.get("@odata.context").and_then(Value::as_str).unwrap_or_default();
                let context = Context { collection: collection.to_ascii_lowercase(), saw_list: true };
                of_value(list, &context, all, take)
            }
            None => take(Object(map), context),
        },
        _ => Err("holds something that is neither an object nor a list of objects".to_owned()),
    }
}

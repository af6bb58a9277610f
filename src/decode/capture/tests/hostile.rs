//! Files that no writer writes.

use super::*;

/// The one reject of a file of which nothing is read.
fn refused(file: &[u8]) -> (Reason, String) {
    let found = read(file);
    assert!(found.records.is_empty() && found.rejects.len() == 1, "{:?}", found.rejects);
    assert!(found.totals.incomplete && found.totals.containers == only_capture());
    assert_eq!(found.rejects[0].place, Place { offset: 0, line: 1, bytes: 0 });
    (found.rejects[0].reason, found.detail().to_owned())
}

/// A file under a schema, with one block of one event.
fn with_schema(schema: &str, event: &[u8]) -> Vec<u8> {
    [header(schema, "null"), block(1, event)].concat()
}

#[test]
fn other_codecs_are_refused_by_name() {
    for (name, told) in [
        ("bzip2", "packed with bzip2"),
        ("xz", "packed with xz"),
        ("secret-text", "a codec that Avro does not know"),
    ] {
        let (reason, detail) = refused(&header(BARE, name));
        assert_eq!((reason, detail.contains(told)), (Reason::UnknownCodec, true), "{detail}");
        assert!(!detail.contains("secret"));
    }
    assert_eq!(refused(&header(BARE, &"null".repeat(99))).0, Reason::UnknownCodec);
}

#[test]
fn other_schemas_are_named_as_such() {
    let no_body = r#"{"type":"record","name":"E","fields":[{"name":"body","type":"bytes"}]}"#;
    let (reason, detail) = refused(&header(no_body, "null"));
    assert_eq!(reason, Reason::OtherSchema);
    assert!(detail.contains("without a Body field: not written by Event Hubs Capture"), "{detail}");
    for kind in [r#""long""#, r#""null""#, r#"["null","long"]"#, r#"{"type":"array","items":"bytes"}"#] {
        let schema = format!(r#"{{"type":"record","name":"E","fields":[{{"name":"Body","type":{kind}}}]}}"#);
        let (reason, detail) = refused(&header(&schema, "null"));
        assert_eq!((reason, detail.contains("the Body field holds no bytes")), (Reason::OtherSchema, true));
    }
    for schema in [r#""bytes""#, "{", "", "[]", "\u{0}", r#"{"type":"Body"}"#] {
        assert_eq!(refused(&header(schema, "null")).0, Reason::OtherSchema, "{schema}");
    }
    let none = [b"Obj\x01".to_vec(), number(0), MARKER.to_vec()].concat();
    assert_eq!(refused(&none).0, Reason::OtherSchema);
}

#[test]
fn a_schema_that_is_larger_than_its_text_is_refused() {
    let field = |kind: &str| {
        format!(
            r#"{{"type":"record","name":"E","fields":[{{"name":"f","type":{kind}}},{{"name":"Body","type":"bytes"}}]}}"#
        )
    };
    let inside_itself = field(r#""E""#);
    let list = field(r#"["null","E"]"#);
    // Each type is two of the one before.
    let mut pyramid = r#"{"type":"record","name":"T0","fields":[]}"#.to_owned();
    for level in 1..40 {
        let below = level - 1;
        pyramid = format!(
            r#"{{"type":"record","name":"T{level}","fields":[{{"name":"a","type":{pyramid}}},{{"name":"b","type":"T{below}"}}]}}"#
        );
    }
    let deep =
        field(&format!("{}\"null\"{}", r#"{"type":"array","items":"#.repeat(10_000), "}".repeat(10_000)));
    let unions = field(&format!("{}\"null\"{}", "[".repeat(100_000), "]".repeat(100_000)));
    let long = field(&format!(r#"{{"type":"enum","name":"N","symbols":["{}"]}}"#, "a".repeat(10 << 20)));
    for schema in [inside_itself, list, field(&pyramid), deep, unions, long] {
        let (reason, detail) = refused(&with_schema(&schema, &[0; 9]));
        assert_eq!(reason, Reason::OtherSchema, "{detail}");
    }
    // As long as may be: many fields of no bytes, and a body behind them.
    let nulls: Vec<_> = (0..7000).map(|index| format!(r#"{{"name":"n{index}","type":"null"}},"#)).collect();
    let nulls = nulls.concat();
    let wide =
        format!(r#"{{"type":"record","name":"E","fields":[{nulls}{{"name":"Body","type":"bytes"}}]}}"#);
    assert!(wide.len() as u64 <= schema::MAX_SCHEMA);
    let file = [header(&wide, "null"), block(1 << 20, &vec![0; 1 << 20])].concat();
    assert_eq!(read(&file).totals.blank, 1 << 20);
    // As deep as the parser lets through: read, and stepped over.
    let nested = field(&format!("{}\"null\"{}", r#"{"type":"array","items":"#.repeat(60), "}".repeat(60)));
    let event = [number(1).repeat(60), number(0).repeat(60), sized(record("a").as_bytes())].concat();
    assert_eq!(read(&with_schema(&nested, &event)).ids(), ["a"]);
}

#[test]
fn claimed_counts_and_lengths_cost_nothing() {
    let kinds = [
        (r#"{"type":"array","items":"null"}"#, vec![number(i64::MAX), number(0)], true),
        (
            r#"{"type":"array","items":{"type":"fixed","name":"F","size":0}}"#,
            vec![number(1 << 60), number(0)],
            true,
        ),
        (
            r#"{"type":"array","items":{"type":"record","name":"R","fields":[{"name":"n","type":"null"}]}}"#,
            vec![number(1 << 60), number(0)],
            true,
        ),
        (r#"{"type":"array","items":"long"}"#, vec![number(i64::MAX)], false),
        (r#"{"type":"array","items":"long"}"#, vec![number(-2), number(2), vec![8, 8], number(0)], true),
        (
            r#"{"type":"array","items":"long"}"#,
            vec![number(i64::MIN), number(3), vec![1; 3], number(0)],
            true,
        ),
        (r#"{"type":"array","items":"long"}"#, vec![number(-1), number(i64::MAX)], false),
        (r#"{"type":"array","items":"long"}"#, vec![number(-1), number(-1)], false),
        (r#"{"type":"map","values":"null"}"#, vec![number(1 << 62)], false),
        (
            r#"{"type":"map","values":"int"}"#,
            vec![number(-1), number(3), sized(b"k"), number(1), number(0)],
            true,
        ),
        (r#""string""#, vec![number(i64::MAX)], false),
        (r#""bytes""#, vec![number(i64::MIN)], false),
        (r#"["null","long"]"#, vec![number(2)], false),
        (r#"["null","long"]"#, vec![number(-1)], false),
        (r#""long""#, vec![vec![0xff; 11]], false),
        (r#"{"type":"fixed","name":"F","size":9223372036854775807}"#, vec![vec![1; 9]], false),
    ];
    for (kind, bytes, good) in kinds {
        let schema = format!(
            r#"{{"type":"record","name":"E","fields":[{{"name":"f","type":{kind}}},{{"name":"Body","type":"bytes"}}]}}"#
        );
        let event = [bytes.concat(), sized(record("a").as_bytes())].concat();
        // The blocks behind it hold an event of the same form, and one that claims all there is.
        let file =
            [header(&schema, "null"), block(1, &event), block(1, &event), block(i64::MAX, &event)].concat();
        let found = read(&file);
        let (ids, rejects) = if good { (vec!["a"; 3], 1) } else { (vec![], 3) };
        assert_eq!(
            (found.ids(), found.rejects.len()),
            (ids, rejects),
            "{kind} {bytes:?}: {:?}",
            found.rejects
        );
        assert!(found.reasons().iter().all(|reason| *reason == Reason::DamagedAvro));
    }
}

#[test]
fn a_block_that_claims_too_much_costs_itself() {
    let good = sized(record("a").as_bytes());
    let marker = MARKER.to_vec();
    let heads = [
        [number(1), number(i64::MAX), good.clone(), marker.clone()].concat(),
        [number(i64::MAX), number(i64::MAX), good.clone(), marker.clone()].concat(),
        [number(1), number(1 << 40), good.clone(), marker.clone()].concat(),
        [number(-1), length(&good), good.clone(), marker.clone()].concat(),
        [number(1), number(-1), good.clone(), marker.clone()].concat(),
        [number(1), number(i64::MIN), good.clone(), marker.clone()].concat(),
        [number(2), length(&good), good.clone(), marker.clone()].concat(),
        [number(0), length(&good), good.clone(), marker.clone()].concat(),
        [vec![0xff; 30], marker.clone()].concat(),
        [number(1), number(9), number(i64::MAX), vec![0; 8], marker.clone()].concat(),
    ];
    for head in heads {
        let last = block(1, &sized(record("b").as_bytes()));
        let found = read(&[header(BARE, "null"), head.clone(), last.clone(), last].concat());
        let counted = counts(&found.ids());
        assert_eq!(counted.get("b"), Some(&2), "{head:?}: {:?}", found.rejects);
        assert!(counted.get("a").is_none_or(|count| *count == 1));
        assert_eq!(found.reasons(), [Reason::DamagedAvro], "{head:?}");
        assert!(!found.totals.incomplete);
    }
    // No events and no bytes: nothing is wrong with that.
    let file = [header(BARE, "null"), block(0, &[]), block(1, &good)].concat();
    assert_eq!((read(&file).ids(), read(&file).reasons()), (vec!["a"], vec![]));
}

#[test]
fn a_header_that_claims_too_much_is_refused() {
    let magic = || b"Obj\x01".to_vec();
    let key = sized(b"avro.schema");
    let cases = [
        (vec![magic(), number(i64::MAX)], Reason::Truncated),
        (vec![magic(), number(i64::MIN), number(1)], Reason::Truncated),
        (vec![magic(), number(1), number(i64::MAX), vec![b'k'; 999]], Reason::Truncated),
        (vec![magic(), number(1), key.clone(), number(i64::MAX)], Reason::OtherSchema),
        (vec![magic(), number(1), key.clone(), number(-1)], Reason::DamagedAvro),
        (vec![magic(), number(1), sized(b"other"), number(i64::MAX), vec![0; 99]], Reason::Truncated),
        (vec![magic(), vec![0xff; 20]], Reason::DamagedAvro),
        (vec![b"Obj\x02".to_vec(), number(0), MARKER.to_vec()], Reason::DamagedAvro),
        (vec![b"plain text".to_vec()], Reason::DamagedAvro),
    ];
    for (bytes, reason) in cases {
        assert_eq!(refused(&bytes.concat()).0, reason, "{bytes:?}");
    }
    // Metadata in blocks with their length, and keys that nobody knows, are as Avro has them.
    let entries = [key, sized(BARE.as_bytes()), sized(&[b'k'; 200]), sized(&[1; 5000])].concat();
    let head = [magic(), number(-2), length(&entries), entries, number(0), MARKER.to_vec()];
    let file = [head.concat(), block(1, &sized(record("a").as_bytes()))].concat();
    assert_eq!((read(&file).ids(), read(&file).reasons()), (vec!["a"], vec![]));
}

#[test]
fn nothing_of_the_file_stands_in_a_reject() {
    let secret = "tellnoone";
    let schema = format!(
        r#"{{"type":"record","name":"{secret}","fields":[{{"name":"{secret}","type":"{secret}"}}]}}"#
    );
    for file in [
        header(&schema, "null"),
        header(BARE, secret),
        [header(BARE, "null"), block(1, secret.as_bytes())].concat(),
        [header(BARE, "zstandard"), block(1, secret.as_bytes())].concat(),
    ] {
        let found = read(&file);
        assert_eq!(found.rejects.len(), 1);
        assert!(!format!("{:?}", found.rejects).contains(secret));
    }
}

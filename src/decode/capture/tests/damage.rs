//! Cut and flipped files.

use super::*;

/// Six records in three events, each event a block.
fn small(codec: apache_avro::Codec) -> (Vec<u8>, Vec<String>) {
    let ids: Vec<String> = (0..6).map(|index| format!("id-{index}")).collect();
    let bodies: Vec<_> = ids
        .chunks(2)
        .map(|pair| Some(format!("{{\"records\":[{},{}]}}", record(&pair[0]), record(&pair[1])).into_bytes()))
        .collect();
    (write(codec, &bodies, 1), ids)
}

/// Whether `part` stands in `whole` in order.
fn is_within(part: &[&str], whole: &[&str]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|id| rest.any(|other| other == id))
}

#[test]
fn a_cut_anywhere_is_one_reject_and_costs_what_is_behind_it() {
    for codec in codecs() {
        let (file, ids) = small(codec);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let ends = block_ends(&file);
        let body = format!("{{\"records\":[{},{}]}}", record("id-0"), record("id-1")).len() as u64;
        for cut in 1..file.len() {
            let found = read(&file[..cut]);
            // The first marker is the header's.
            let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1) * 2;
            let context = format!("{codec:?} cut at {cut} of {ends:?}: {:?}", found.rejects);
            assert!(found.records.len() >= whole, "{context}");
            assert!(ids.starts_with(&found.ids()), "{context}");
            assert_eq!(found.records.len() % 2, 0, "no event is half read: {context}");
            let at_end = ends.contains(&cut);
            let reasons = if at_end { vec![] } else { vec![Reason::Truncated] };
            assert_eq!((found.reasons(), found.totals.incomplete), (reasons, !at_end), "{context}");
            assert_eq!(found.totals.bytes, found.records.len() as u64 / 2 * body, "{context}");
        }
    }
}

#[test]
fn events_of_a_block_that_was_cut_are_read_up_to_the_cut() {
    let bodies: Vec<_> = (0..12).map(|index| Some(record(&format!("{index}")).into_bytes())).collect();
    let file = write(codecs()[0], &bodies, 1 << 20);
    let ends: Vec<usize> = (0..12)
        .map(|index| {
            let text = record(&format!("{index}"));
            memchr::memmem::find(&file, text.as_bytes()).unwrap() + text.len()
        })
        .collect();
    for cut in block_ends(&file)[0] + 1..file.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let found = read(&file[..cut]);
        assert_eq!((found.records.len(), found.reasons()), (whole, vec![Reason::Truncated]), "cut at {cut}");
    }
}

#[test]
fn a_flip_anywhere_costs_at_most_its_block() {
    for codec in codecs() {
        let (file, ids) = small(codec);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let ends = block_ends(&file);
        for at in 0..file.len() {
            for flip in [1 << (at % 8), 0xff] {
                let mut damaged = file.clone();
                damaged[at] ^= flip;
                let found = read(&damaged);
                let context = format!("{codec:?} flipped {flip:#x} at {at} of {ends:?}: {:?}", found.rejects);
                assert!(found.records.len() <= ids.len(), "{context}");
                let block = ends.iter().filter(|end| **end <= at).count();
                if block == 0 {
                    if at >= ends[0] - MARKER.len() {
                        assert_eq!((found.ids(), found.reasons().len()), (ids.clone(), 1), "{context}");
                    }
                    continue;
                }
                let outside = [&ids[..(block - 1) * 2], &ids[block * 2..]].concat();
                assert!(is_within(&outside, &found.ids()), "{context}");
                let of_container = found
                    .rejects
                    .iter()
                    .filter(|reject| reject.detail.as_ref().is_some_and(|why| why.starts_with("block ")));
                assert!(of_container.count() <= 1, "{context}");
                if at >= ends[block] - MARKER.len() {
                    assert_eq!(
                        (found.ids(), found.reasons()),
                        (ids.clone(), vec![Reason::DamagedAvro]),
                        "{context}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_damaged_stretch_is_one_reject_however_long() {
    for codec in codecs() {
        let bodies: Vec<_> = (0..60).map(|index| Some(record(&format!("{index}")).into_bytes())).collect();
        let file = write(codec, &bodies, 1);
        let ends = block_ends(&file);
        let mut noise = fastrand::Rng::with_seed(7);
        for (fill, skip) in
            [(Some(0), 0), (Some(0), 20), (Some(0xff), 0), (Some(0xff), 20), (None, 0), (None, 20)]
        {
            let mut damaged = file.clone();
            // From the start of block 10, or inside it, into block 50.
            for byte in &mut damaged[ends[9] + skip..ends[49] + 20] {
                *byte = fill.unwrap_or_else(|| noise.u8(..));
            }
            let found = read(&damaged);
            let context = format!("{codec:?} filled with {fill:?}: {:?}", found.rejects);
            let expected: Vec<String> = (0..9).chain(50..60).map(|index| index.to_string()).collect();
            assert!(
                is_within(&expected.iter().map(String::as_str).collect::<Vec<_>>(), &found.ids()),
                "{context}"
            );
            assert_eq!(found.records.len(), expected.len(), "{context}");
            assert_eq!(found.reasons(), [Reason::DamagedAvro], "{context}");
            assert!(!found.totals.incomplete);
            let place = found.rejects[0].place;
            // Zeros read as an event without a body.
            assert_eq!((place.line, place.bytes), (10 + found.totals.blank, 0), "{context}");
            let (start, end) = (ends[9], ends[50]);
            assert!(
                found.detail().contains(&format!("block 10, bytes {start} to {end} of the file")),
                "{context}"
            );
        }
    }
}

#[test]
fn bytes_taken_out_or_put_in_cost_their_block() {
    for codec in codecs() {
        let (file, ids) = small(codec);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let ends = block_ends(&file);
        let outside = [&ids[..2], &ids[4..]].concat();
        for at in ends[1]..ends[2] {
            for length in [1, 7] {
                let stop = (at + length).min(ends[2]);
                let out = [&file[..at], &file[stop..]].concat();
                let put = [&file[..at], &b"somewhat"[..length], &file[at..]].concat();
                for damaged in [out, put] {
                    let found = read(&damaged);
                    let context =
                        format!("{codec:?} {length} bytes at {at} of {ends:?}: {:?}", found.rejects);
                    assert!(is_within(&outside[..2], &found.ids()), "{context}");
                    assert!(found.records.len() <= ids.len(), "{context}");
                    // With a part of the marker out, the next block goes with this one.
                    if at + length <= ends[2] - MARKER.len() {
                        assert!(is_within(&outside, &found.ids()), "{context}");
                        assert!(!found.rejects.is_empty(), "{context}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_damaged_marker_of_the_header_is_made_up_for_by_that_of_a_block() {
    for codec in codecs() {
        let (mut file, ids) = small(codec);
        let ends = block_ends(&file);
        file[ends[0] - 1] ^= 0xff;
        // The length of the second block.
        file[ends[1] + 1] = 0;
        let found = read(&file);
        assert!(is_within(&[&ids[0], &ids[1], &ids[4], &ids[5]], &found.ids()), "{:?}", found.rejects);
        assert_eq!(found.reasons(), [Reason::DamagedAvro; 2]);
    }
}

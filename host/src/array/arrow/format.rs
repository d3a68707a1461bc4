//! Types of columns as the Arrow C data interface writes them: those that a guest can have.

use arrow_schema::DataType;
use arrow_schema::TimeUnit::{self, Microsecond, Millisecond, Nanosecond, Second};

static PLAIN: [(&str, DataType); 27] = [
    ("n", DataType::Null),
    ("b", DataType::Boolean),
    ("c", DataType::Int8),
    ("C", DataType::UInt8),
    ("s", DataType::Int16),
    ("S", DataType::UInt16),
    ("i", DataType::Int32),
    ("I", DataType::UInt32),
    ("l", DataType::Int64),
    ("L", DataType::UInt64),
    ("e", DataType::Float16),
    ("f", DataType::Float32),
    ("g", DataType::Float64),
    ("z", DataType::Binary),
    ("Z", DataType::LargeBinary),
    ("u", DataType::Utf8),
    ("U", DataType::LargeUtf8),
    ("tdD", DataType::Date32),
    ("tdm", DataType::Date64),
    ("tts", DataType::Time32(Second)),
    ("ttm", DataType::Time32(Millisecond)),
    ("ttu", DataType::Time64(Microsecond)),
    ("ttn", DataType::Time64(Nanosecond)),
    ("tDs", DataType::Duration(Second)),
    ("tDm", DataType::Duration(Millisecond)),
    ("tDu", DataType::Duration(Microsecond)),
    ("tDn", DataType::Duration(Nanosecond)),
];

const UNITS: [(&str, TimeUnit); 4] =
    [("tss:", Second), ("tsm:", Millisecond), ("tsu:", Microsecond), ("tsn:", Nanosecond)];

/// The format of a type; none of a type that cannot be carried.
pub(super) fn written(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Timestamp(unit, zone) => {
            let (start, _) = UNITS.iter().find(|(_, known)| known == unit)?;
            Some(format!("{start}{}", zone.as_deref().unwrap_or_default()))
        }
        DataType::FixedSizeBinary(width @ 1..) => Some(format!("w:{width}")),
        other => {
            PLAIN.iter().find(|(_, known)| known == other).map(|(format, _)| (*format).to_owned())
        }
    }
}

/// The type of a format.
pub(super) fn read(format: &str) -> Option<DataType> {
    if let Some((_, data_type)) = PLAIN.iter().find(|(known, _)| *known == format) {
        return Some(data_type.clone());
    }
    if let Some(width) = format.strip_prefix("w:") {
        return width.parse().ok().filter(|width| *width > 0).map(DataType::FixedSizeBinary);
    }
    let (start, unit) = UNITS.iter().find(|(start, _)| format.starts_with(start))?;
    let zone = format.get(start.len()..).filter(|zone| !zone.is_empty());
    Some(DataType::Timestamp(*unit, zone.map(Into::into)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_as_it_is_written() {
        let mut types: Vec<_> = PLAIN.iter().map(|(_, data_type)| data_type.clone()).collect();
        types.push(DataType::FixedSizeBinary(16));
        types.extend(UNITS.map(|(_, unit)| DataType::Timestamp(unit, None)));
        types.push(DataType::Timestamp(Second, Some("Europe/Berlin".into())));
        for data_type in types {
            let format = written(&data_type).expect("it can be carried");
            assert_eq!(read(&format), Some(data_type), "{format}");
        }
        for odd in ["", "w:", "w:0", "w:-1", "w:99999999999", "ts", "tsß:", "+l", "x"] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert_eq!(written(&DataType::FixedSizeBinary(0)), None);
    }
}

//! Times as text, and back.

use super::arguments;
use crate::runtime::{ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::number::Number;
use crate::value::Value;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("format-time", 1, 3, format_time),
    PrimitiveInfo::optional("parse-time", 1, 2, parse_time),
    PrimitiveInfo::optional("time->list", 1, 2, time_to_list),
];

/// How times are written if nothing is said.
const USUAL: &str = "%Y-%m-%d %H:%M:%S";

/// Seconds since 1970, as a time in a zone: `'utc`, which is the default, or `'local`.
fn zoned(runtime: &mut Runtime, operation: &str, seconds: Value, zone: Option<&Value>) -> Result<Zoned, Failure> {
    let timestamp = match Number::from_value(seconds) {
        Some(Number::Small(number)) => Timestamp::from_second(number).ok(),
        Some(Number::Double(number)) => {
            let (whole, part) = (number.floor(), number - number.floor());
            // Out of range or no number: the cast saturates, which no time does.
            Timestamp::new(whole as i64, (part * 1e9) as i32).ok().filter(|_| number.is_finite())
        }
        Some(Number::Big(_)) => None,
        None => return Err(runtime.type_error(operation, "a number of seconds", seconds)),
    };
    let Some(timestamp) = timestamp else {
        return Err(runtime.type_error(operation, "a time within the years -9999 to 9999", seconds));
    };
    let symbol = zone.and_then(|zone| runtime.as_symbol(*zone)).map(|symbol| runtime.symbols.name(symbol).to_string());
    match (zone, symbol.as_deref()) {
        (None, _) | (_, Some("utc")) => Ok(timestamp.to_zoned(TimeZone::UTC)),
        (_, Some("local")) => Ok(timestamp.to_zoned(TimeZone::system())),
        (Some(zone), _) => Err(runtime.type_error(operation, "a zone: 'utc or 'local", *zone)),
    }
}

fn pattern(runtime: &mut Runtime, operation: &str, argument: Option<&Value>) -> Result<String, Failure> {
    argument.map_or(Ok(USUAL.into()), |pattern| arguments::text(runtime, operation, *pattern))
}

/// `(format-time seconds [template [zone]])`.
fn format_time(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let time = zoned(runtime, "format-time", arguments[0], arguments.get(2))?;
    let template = pattern(runtime, "format-time", arguments.get(1))?;
    match strtime::format(&template, &time) {
        Ok(text) => runtime.string(&text),
        Err(fault) => {
            let message = format!("format-time: {fault}");
            Err(runtime.error(ErrorKind::Type, &message, &[arguments[1]]))
        }
    }
}

/// `(parse-time text [template])`: seconds since 1970. A text that names no offset is in UTC.
fn parse_time(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let text = arguments::text(runtime, "parse-time", arguments[0])?;
    let template = pattern(runtime, "parse-time", arguments.get(1))?;
    let parsed = BrokenDownTime::parse(&template, &text).and_then(|time| {
        if time.offset().is_some() || time.timestamp().is_some() {
            return time.to_timestamp();
        }
        let midnight = jiff::civil::Time::midnight();
        let clock = if time.hour().is_some() { time.to_time()? } else { midnight };
        TimeZone::UTC.to_timestamp(time.to_date()?.to_datetime(clock))
    });
    match parsed {
        Ok(time) if time.subsec_nanosecond() == 0 => Ok(Value::fixnum(time.as_second())),
        Ok(time) => runtime.double(time.as_nanosecond() as f64 / 1e9),
        Err(fault) => {
            let message = format!("parse-time: {fault}");
            Err(runtime.error(ErrorKind::Type, &message, &[arguments[0]]))
        }
    }
}

/// `(time->list seconds [zone])`: year, month, day, hour, minute, second, and the day of the week, 1 for Monday.
fn time_to_list(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let time = zoned(runtime, "time->list", arguments[0], arguments.get(1))?;
    let clock = [time.month(), time.day(), time.hour(), time.minute(), time.second()];
    let weekday = time.weekday().to_monday_one_offset();
    let parts = std::iter::once(i64::from(time.year())).chain(clock.map(i64::from)).chain([i64::from(weekday)]);
    let parts: Vec<Value> = parts.map(Value::fixnum).collect();
    runtime.list(&parts)
}

//! Statements and values on their way to PostgreSQL and back: placeholders become `$1`, `$2` …, numbers, texts and bytes
//! take the type of the column that they meet.

use std::error::Error;

use rusqlite::types::ToSqlOutput;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::storage::StorageError;
use crate::storage::sql::{Bound, ValueRef, Values};

/// A statement with PostgreSQL's placeholders, and the names of its parameters in their order.
pub(super) struct Translated {
    pub(super) sql: String,
    names: Vec<String>,
}

/// Translates `?`, `?1` and `:name`, outside of quotes.
pub(super) fn translate(sql: &str) -> Translated {
    let mut translated = Translated { sql: String::with_capacity(sql.len() + 16), names: Vec::new() };
    let mut placed = 0;
    let mut rest = sql;
    while let Some(at) = rest.find(['?', ':', '\'', '"']) {
        let (before, from) = rest.split_at(at);
        translated.sql.push_str(before);
        let (mark, after) = from.split_at(1);
        let length = |of: fn(char) -> bool| after.find(|c| !of(c)).unwrap_or(after.len());
        rest = match mark {
            "?" => {
                let (number, after) = after.split_at(length(|c| c.is_ascii_digit()));
                placed += 1;
                let number = number.parse().unwrap_or(placed);
                translated.sql.push_str(&format!("${number}"));
                after
            }
            ":" if after.starts_with(':') => {
                translated.sql.push_str("::");
                after.split_at(1).1
            }
            ":" => {
                let (name, after) = after.split_at(length(|c| c.is_ascii_alphanumeric() || c == '_'));
                let names = &mut translated.names;
                let index = names.iter().position(|known| known == name).unwrap_or_else(|| {
                    names.push(name.to_owned());
                    names.len() - 1
                });
                translated.sql.push_str(&format!("${}", index + 1));
                after
            }
            quote => {
                let end = after.find(quote).map_or(after.len(), |end| end + 1);
                let (quoted, after) = after.split_at(end);
                translated.sql.push_str(mark);
                translated.sql.push_str(quoted);
                after
            }
        };
    }
    translated.sql.push_str(rest);
    translated
}

impl Translated {
    /// The parameters in the order of the placeholders.
    pub(super) fn order<'p>(&self, params: Bound<'p>) -> Result<Vec<Param<'p>>, StorageError> {
        let param = |value: &'p dyn rusqlite::ToSql| {
            value.to_sql().map(Param).map_err(|error| StorageError::Failed(error.to_string()))
        };
        match params {
            Bound::Placed(values) => values.iter().map(|value| param(*value)).collect(),
            Bound::Named(values) => {
                let named = |name: &String| {
                    let found = values.iter().find(|(known, _)| known.strip_prefix(':') == Some(name));
                    found.map(|(_, value)| *value)
                };
                let missing = |name: &str| StorageError::Failed(format!("the parameter {name} is missing"));
                self.names.iter().map(|name| param(named(name).ok_or_else(|| missing(name))?)).collect()
            }
        }
    }
}

/// A parameter.
#[derive(Debug)]
pub(super) struct Param<'p>(ToSqlOutput<'p>);

impl Param<'_> {
    /// The same, for a statement that is not waited for.
    pub(super) fn into_owned(self) -> Result<Param<'static>, StorageError> {
        let value = self.value().ok_or_else(|| StorageError::Failed("a parameter of an unknown kind".into()))?;
        let value = value.try_into().map_err(|_| StorageError::Damaged("text"))?;
        Ok(Param(ToSqlOutput::Owned(value)))
    }

    fn value(&self) -> Option<ValueRef<'_>> {
        match &self.0 {
            ToSqlOutput::Borrowed(value) => Some(*value),
            ToSqlOutput::Owned(value) => Some(value.into()),
            _ => None,
        }
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self.value(), ty) {
            (Some(ValueRef::Null), _) => Ok(IsNull::Yes),
            (Some(ValueRef::Integer(number)), &Type::BOOL) => (number != 0).to_sql(ty, out),
            (Some(ValueRef::Integer(number)), &Type::INT8) => number.to_sql(ty, out),
            (Some(ValueRef::Integer(number)), &Type::INT4) => i32::try_from(number)?.to_sql(ty, out),
            (Some(ValueRef::Text(text)), &Type::TEXT) => std::str::from_utf8(text)?.to_sql(ty, out),
            (Some(ValueRef::Blob(bytes)), &Type::BYTEA) => bytes.to_sql(ty, out),
            (value, ty) => Err(format!("{} is no {ty}", value.map_or("a value", |value| kind(&value))).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn kind(value: &ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Null => "nothing",
        ValueRef::Integer(_) => "a number",
        ValueRef::Real(_) => "a fraction",
        ValueRef::Text(_) => "a text",
        ValueRef::Blob(_) => "bytes",
    }
}

/// A value of an answer.
struct Cell<'r>(ValueRef<'r>);

impl<'r> FromSql<'r> for Cell<'r> {
    fn from_sql(ty: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::BOOL => ValueRef::Integer(bool::from_sql(ty, raw)?.into()),
            Type::INT8 => ValueRef::Integer(i64::from_sql(ty, raw)?),
            Type::INT4 => ValueRef::Integer(i32::from_sql(ty, raw)?.into()),
            Type::BYTEA => ValueRef::Blob(raw),
            _ => ValueRef::Text(raw),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::BOOL | Type::INT8 | Type::INT4 | Type::BYTEA | Type::TEXT | Type::VARCHAR)
    }
}

impl Values for tokio_postgres::Row {
    fn value(&self, index: usize) -> Result<ValueRef<'_>, StorageError> {
        self.try_get::<_, Cell<'_>>(index).map(|cell| cell.0).map_err(|_| StorageError::Damaged("column"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_those_of_postgresql_and_quotes_stay() {
        let translated = |sql| translate(sql).sql;
        assert_eq!(translated("a = ? AND b = ?"), "a = $1 AND b = $2");
        assert_eq!(translated("a = ?2 AND b > ?1 AND c = ?2"), "a = $2 AND b > $1 AND c = $2");
        assert_eq!(translated("a = :a, b = :b_c WHERE a < :a"), "a = $1, b = $2 WHERE a < $1");
        assert_eq!(translated("$1::TEXT[] = :a"), "$1::TEXT[] = $1");
        assert_eq!(
            translated(r#"FROM "user" WHERE x LIKE ? ESCAPE '\' AND y = ':no?'"#),
            r#"FROM "user" WHERE x LIKE $1 ESCAPE '\' AND y = ':no?'"#
        );
    }
}

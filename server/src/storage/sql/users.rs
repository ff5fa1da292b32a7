//! Users.

use std::collections::BTreeSet;

use symbolon_core::text::Name;

use super::row::{Columns, lock_column, millis};
use super::{Open, Row, Value, named_params, params};
use crate::storage::{Email, Language, LockState, StorageError, User, UserId, Users, WriteUsers};

type Result<T> = std::result::Result<T, StorageError>;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, email, group_name, language, enabled, created_at, failures, locked_until, locks, slow_failures,
             slow_since FROM \"user\" ",
            $rest
        )
    };
}

pub(super) use select;

fn read(row: &Row<'_>) -> Result<User> {
    read_next(&mut Columns::of(row))
}

pub(super) fn read_next(columns: &mut Columns<'_>) -> Result<User> {
    Ok(User {
        id: UserId(columns.next()?),
        name: columns.parsed()?,
        email: columns.optional()?,
        group: columns.optional()?,
        language: columns.optional()?,
        enabled: columns.next()?,
        created_at: columns.time()?,
        lock: columns.lock_state()?,
    })
}

impl Users for Open<'_> {
    fn user_by_name(&self, name: &Name) -> Result<Option<User>> {
        self.one(select!("WHERE name = ?"), [name.as_str()], read)
    }

    fn users_by_names(&self, names: &[&Name]) -> Result<Vec<Option<User>>> {
        let rows: Vec<_> = names.iter().map(|name| vec![Value::from(name.as_str().to_owned())]).collect();
        self.one_each(select!("WHERE name = ?"), &rows, read)
    }

    fn user(&self, id: UserId) -> Result<Option<User>> {
        self.one(select!("WHERE id = ?"), [id.0], read)
    }

    fn users_by_email(&self, email: &Email) -> Result<Vec<User>> {
        // A whole address is a beginning of itself, and may be a word of somebody's name besides.
        let wanted = email.as_str().to_lowercase();
        let select = select!("WHERE id IN (SELECT user_id FROM user_search WHERE beginning = ?)");
        let mut users = self.many(select, params![&wanted], read)?;
        users.retain(|user| user.email.as_ref().is_some_and(|email| email.as_str().to_lowercase() == wanted));
        Ok(users)
    }

    fn users(&self, search: Option<&str>, after: Option<&Name>, limit: u32) -> Result<Vec<User>> {
        let after = after.map_or("", Name::as_str);
        match search {
            None => self.many(select!("WHERE name > ? ORDER BY name LIMIT ?"), params![after, limit], read),
            Some(search) => {
                let search = search.to_lowercase();
                // No text that begins with `search` comes after this.
                let end = format!("{search}\u{10ffff}");
                self.many(
                    select!(
                        "WHERE name IN (SELECT DISTINCT name FROM user_search
                         WHERE beginning >= ? AND beginning < ? AND name > ? ORDER BY name LIMIT ?) ORDER BY name"
                    ),
                    params![search, end, after, limit],
                    read,
                )
            }
        }
    }

    fn groups(&self) -> Result<Vec<(Name, u64)>> {
        let groups = "SELECT group_name, count(*) FROM \"user\" WHERE group_name IS NOT NULL GROUP BY group_name
                      ORDER BY group_name";
        self.many(groups, params![], |row| {
            let mut columns = Columns::of(row);
            Ok((columns.parsed()?, columns.next()?))
        })
    }
}

impl Open<'_> {
    fn insert_beginnings(&self, id: UserId, user: &User) -> Result<()> {
        let insert = "INSERT INTO user_search (beginning, name, user_id) VALUES (?, ?, ?)";
        beginnings(user).iter().try_for_each(|text| self.write(insert, params![text, user.name.as_str(), id.0]))
    }
}

/// What a search for a user may begin with: the name from the beginning of each of its words on, and the address likewise
/// up to its domain, which many have in common.
fn beginnings(user: &User) -> BTreeSet<String> {
    let mut beginnings = BTreeSet::new();
    let mut add = |text: &str, searched: &str| {
        let mut before = None;
        for (at, character) in text.char_indices() {
            let begins = character.is_alphanumeric() && !before.is_some_and(char::is_alphanumeric);
            if (at == 0 || begins) && at < searched.len() {
                beginnings.insert(text.get(at..).unwrap_or_default().to_owned());
            }
            before = Some(character);
        }
    };
    let name = user.name.as_str().to_lowercase();
    add(&name, &name);
    if let Some(email) = &user.email {
        let email = email.as_str().to_lowercase();
        add(&email, email.split('@').next().unwrap_or_default());
    }
    beginnings
}

impl WriteUsers for Open<'_> {
    fn insert_users(&self, users: &[User]) -> Result<Vec<UserId>> {
        let row = |user: &User| {
            vec![
                user.name.as_str().to_owned().into(),
                user.email.as_ref().map(|email| email.as_str().to_owned()).into(),
                user.group.as_ref().map(|group| group.as_str().to_owned()).into(),
                user.language.map(|language| language.tag().to_owned()).into(),
                user.enabled.into(),
                millis(user.created_at).into(),
            ]
        };
        let ids = self.insert_each(
            "INSERT INTO \"user\" (name, email, group_name, language, enabled, created_at)
             VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            &users.iter().map(row).collect::<Vec<_>>(),
        )?;
        let ids: Vec<_> = ids.into_iter().map(UserId).collect();
        ids.iter().zip(users).try_for_each(|(id, user)| self.insert_beginnings(*id, user))?;
        Ok(ids)
    }

    fn update_user(&self, user: &User) -> Result<()> {
        self.write(
            "UPDATE \"user\" SET name = ?, email = ?, group_name = ?, language = ?, enabled = ? WHERE id = ?",
            params![
                user.name.as_str(),
                user.email.as_ref().map(Email::as_str),
                user.group.as_ref().map(Name::as_str),
                user.language.map(Language::tag),
                user.enabled,
                user.id.0
            ],
        )?;
        self.write("DELETE FROM user_search WHERE user_id = ?", [user.id.0])?;
        self.insert_beginnings(user.id, user)?;
        self.set_user_lock(user.id, &user.lock)
    }

    fn set_user_lock(&self, id: UserId, lock: &LockState) -> Result<()> {
        self.write(
            "UPDATE \"user\" SET failures = :failures, locked_until = :until, locks = :locks,
             slow_failures = :slow, slow_since = :since WHERE id = :id",
            named_params! {
                ":failures": lock.failures, ":until": lock_column(lock.lock), ":locks": lock.locks,
                ":slow": lock.slow_failures, ":since": lock.slow_since.map(millis), ":id": id.0,
            },
        )
    }

    fn delete_user(&self, id: UserId) -> Result<()> {
        self.write("DELETE FROM \"user\" WHERE id = ?", [id.0])
    }
}

//! What verifications begin with: on a database that is far, one question about all that ask at the same time.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use symbolon_core::text::Name;

use super::row::Columns;
use super::{Column, InColumns, Open, Question, Row, applications, policies, tokens, users};
use crate::storage::{Applications, LookUp, LookedUp, Policies, StorageError, Token, Tokens, Users};

type Result<T> = std::result::Result<T, StorageError>;

impl LookUp for Open<'_> {
    fn look_up(&self, key_hashes: &[[u8; 32]], names: &[Name]) -> Result<LookedUp> {
        match self.connection.in_columns() {
            Some(columns) => at_once(columns, key_hashes, names),
            None => self.one_by_one(key_hashes, names),
        }
    }
}

impl Open<'_> {
    fn one_by_one(&self, key_hashes: &[[u8; 32]], names: &[Name]) -> Result<LookedUp> {
        let mut found = LookedUp::default();
        for key_hash in key_hashes {
            found.keys.extend(self.application_by_key(key_hash)?);
        }
        for name in names {
            let Some(user) = self.user_by_name(name)? else { continue };
            found.tokens.extend(self.tokens_of(user.id)?);
            found.users.push(user);
        }
        if !found.users.is_empty() {
            found.policies.push((None, self.policy(None)?.patch));
            let groups: BTreeSet<_> = found.users.iter().filter_map(|user| user.group.clone()).collect();
            for group in groups {
                let patch = self.policy(Some(&group))?.patch;
                found.policies.push((Some(group), patch));
            }
        }
        Ok(found)
    }
}

/// These users, each with what was changed of the policy for everyone and for their group, and with their tokens: a row for
/// each token, or one without. It leaves a planner that knows nothing of the tables yet no choice but to look for each.
const HOLDERS: &str = concat!(
    "SELECT holder.*, (SELECT patch FROM policy WHERE group_name = ''), of_group.patch, token.id IS NOT NULL, token.* FROM (",
    users::select!("WHERE name = ANY ($1::TEXT[]) OFFSET 0"),
    ") AS holder LEFT JOIN policy AS of_group ON of_group.group_name = holder.group_name LEFT JOIN LATERAL (",
    tokens::select!("WHERE user_id = holder.id OFFSET 0"),
    ") AS token ON TRUE",
);

fn at_once(columns: &dyn InColumns, key_hashes: &[[u8; 32]], names: &[Name]) -> Result<LookedUp> {
    let LookedUp { mut keys, mut users, mut tokens, .. } = LookedUp::default();
    let (mut known, mut patches) = (HashSet::with_capacity(names.len()), BTreeMap::new());
    let mut of_keys = |row: &Row<'_>| applications::read_both(row).map(|found| keys.push(found));
    let mut of_holders = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        let user = users::read_next(&mut columns)?;
        for group in [None, user.group.clone()] {
            if let (Some(patch), Entry::Vacant(vacant)) = (columns.text_if_any()?, patches.entry(group)) {
                vacant.insert(policies::read_patch(patch)?);
            }
        }
        if known.insert(user.id) {
            users.push(user);
        }
        if columns.next()? {
            tokens.push(tokens::read_next(&mut columns)?);
        }
        Ok(())
    };
    let mut questions = Vec::with_capacity(2);
    if !key_hashes.is_empty() {
        let hashes = Column::Bytes(key_hashes.iter().map(|hash| Some(hash.as_slice())).collect());
        questions.push(Question { sql: applications::BY_KEYS, columns: vec![hashes], each: &mut of_keys });
    }
    if !names.is_empty() {
        let names = Column::Texts(names.iter().map(|name| Some(name.as_str())).collect());
        questions.push(Question { sql: HOLDERS, columns: vec![names], each: &mut of_holders });
    }
    columns.ask(questions)?;
    tokens.sort_unstable_by_key(|token: &Token| token.id);
    Ok(LookedUp { keys, users, tokens, policies: patches.into_iter().collect() })
}

//! What verifications begin with: on a database that is far, one question about all that ask at the same time.

use std::collections::BTreeSet;

use symbolon_core::text::Name;

use super::{Column, InColumns, Open, Question, applications, policies, tokens, users};
use crate::storage::{Applications, LookUp, LookedUp, Policies, StorageError, Tokens, Users};

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

fn at_once(columns: &dyn InColumns, key_hashes: &[[u8; 32]], names: &[Name]) -> Result<LookedUp> {
    let LookedUp { mut keys, mut users, mut tokens, mut policies } = LookedUp::default();
    let hashes = || Column::Bytes(key_hashes.iter().map(|hash| Some(hash.as_slice())).collect());
    let names_column = || Column::Texts(names.iter().map(|name| Some(name.as_str())).collect());
    let mut of_keys = |row: &super::Row<'_>| applications::read_both(row).map(|found| keys.push(found));
    let mut of_users = |row: &super::Row<'_>| users::read(row).map(|found| users.push(found));
    let mut of_tokens = |row: &super::Row<'_>| tokens::read(row).map(|found| tokens.push(found));
    let mut of_policies = |row: &super::Row<'_>| policies::read_of_group(row).map(|found| policies.push(found));
    let mut questions = Vec::with_capacity(4);
    if !key_hashes.is_empty() {
        questions.push(Question { sql: applications::BY_KEYS, columns: vec![hashes()], each: &mut of_keys });
    }
    if !names.is_empty() {
        questions.push(Question { sql: users::BY_NAMES, columns: vec![names_column()], each: &mut of_users });
        questions.push(Question { sql: tokens::BY_NAMES, columns: vec![names_column()], each: &mut of_tokens });
        questions.push(Question { sql: policies::BY_NAMES, columns: vec![names_column()], each: &mut of_policies });
    }
    columns.ask(questions)?;
    Ok(LookedUp { keys, users, tokens, policies })
}

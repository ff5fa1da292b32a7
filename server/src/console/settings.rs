//! The settings of the soft token, for everyone and per group: every setting with what it means, what it may be and when
//! it takes effect, straight from the table in core. A change is shown before it is made.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use symbolon_core::policy::{Allowed, Policy, PolicyPatch, PolicyVersion, SETTINGS, Setting};
use symbolon_core::text::Name;

use super::fields::{FieldErrors, Fields, Sent};
use super::layout::{Failure, Frame, Section, Visit, html, page, see, sentence};
use crate::service::ServiceError;
use crate::service::policies::{GroupView, PolicyEdit, PolicyPreview};

/// The headings, each before the setting with this key.
const HEADINGS: [(&str, &str); 10] = [
    ("code_length", "Codes"),
    ("pin_required", "PIN"),
    ("max_time_steps", "Windows"),
    ("online_activation_password_length", "Activation"),
    ("allow_unsecure_device", "Devices"),
    ("device_biometrics_allowed", "Biometrics and notifications"),
    ("mutual_challenge", "Mutual challenge"),
    ("tokens_per_user", "Tokens and lockout"),
    ("approval_lifetime", "Approvals"),
    ("temporary_codes", "Help desk"),
];

/// Whose policy a page shows.
#[derive(Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    group: String,
    #[serde(default)]
    done: String,
}

/// One setting on the page.
struct Row {
    setting: &'static Setting,
    label: String,
    /// What the control shows.
    text: String,
    /// What is given where nothing is set here.
    under: String,
    /// Whether it is set here.
    is_own: bool,
    error: Option<String>,
    warning: Option<&'static str>,
}

impl Row {
    fn options(&self) -> &'static [&'static str] {
        match self.setting.allowed {
            Allowed::NumberOf(words) | Allowed::Word(words) => words,
            Allowed::Words { words, .. } => words,
            Allowed::Switch => &["true", "false"],
            _ => &[],
        }
    }

    fn bounds(&self) -> Option<(u32, u32)> {
        match self.setting.allowed {
            Allowed::Number { min, max } => Some((min, max)),
            _ => None,
        }
    }

    fn has_many(&self) -> bool {
        matches!(self.setting.allowed, Allowed::Words { .. })
    }

    fn is_list(&self) -> bool {
        matches!(self.setting.allowed, Allowed::List { .. })
    }

    fn is_chosen(&self, option: &str) -> bool {
        self.text.split(',').any(|chosen| chosen == option)
    }

    /// What the value may be, in words.
    fn allowed(&self) -> String {
        match self.setting.allowed {
            Allowed::Number { min, max } => format!("{min} to {max}{}", shown_as_time(self.setting, min, max)),
            Allowed::Switch | Allowed::NumberOf(_) | Allowed::Word(_) => String::new(),
            other => other.to_string(),
        }
    }

    fn shown_under(&self) -> String {
        shown(self.setting, &self.under)
    }
}

/// The bounds in units that are easier to picture.
fn shown_as_time(setting: &Setting, min: u32, max: u32) -> String {
    match setting.unit {
        "time steps" => format!(" ({} to {})", minutes(min * 30), minutes(max * 30)),
        "seconds" => format!(" ({} to {})", minutes(min), minutes(max)),
        _ => String::new(),
    }
}

/// Seconds in the largest units that fit.
fn minutes(seconds: u32) -> String {
    let plural = |number: u32, unit: &str| format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
    match seconds {
        s if s >= 86_400 && s % 86_400 == 0 => plural(s / 86_400, "day"),
        s if s >= 3600 && s % 3600 == 0 => plural(s / 3600, "hour"),
        s if s >= 60 && s % 60 == 0 => plural(s / 60, "minute"),
        s if s >= 60 => format!("{} min {} s", s / 60, s % 60),
        s => plural(s, "second"),
    }
}

/// A value with its unit, as a person reads it.
pub(super) fn shown(setting: &Setting, text: &str) -> String {
    let number = text.parse::<u32>().ok();
    match (setting.allowed, number) {
        (Allowed::Switch, _) => if text == "true" { "yes" } else { "no" }.to_owned(),
        (_, Some(0)) if setting.key == "lockout_time" => "until unlocked".to_owned(),
        (_, Some(number)) if setting.unit == "time steps" => format!("{number} time steps ({})", minutes(number * 30)),
        (_, Some(number)) if setting.unit == "seconds" && number >= 60 => {
            format!("{number} seconds ({})", minutes(number))
        }
        (_, Some(_)) if setting.unit == "%" => format!("{text} %"),
        (_, Some(_)) => format!("{text} {}", setting.unit).trim_end().to_owned(),
        _ if text.is_empty() => "any".to_owned(),
        _ => text.replace(',', ", "),
    }
}

/// A heading with its settings.
struct Part {
    id: &'static str,
    heading: &'static str,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    group: Option<Name>,
    groups: Vec<GroupView>,
    version: u64,
    parts: Vec<Part>,
    errors: FieldErrors,
}

fn read_group(text: &str) -> Result<Option<Name>, Failure> {
    match text.trim() {
        "" => Ok(None),
        name => name.parse().map(Some).map_err(|error| Failure::bad(format!("The name of the group {error}."))),
    }
}

fn title(group: Option<&Name>) -> String {
    group.map_or_else(|| "Soft token settings".to_owned(), |group| format!("Settings of group {group}"))
}

/// The page: as things are, or with what somebody sent that can't be taken.
async fn settings_page(
    visit: &Visit,
    group: Option<Name>,
    sent: Option<&Fields>,
    errors: FieldErrors,
) -> Result<SettingsPage, Failure> {
    let service = &visit.service;
    let (own, version) = service.own_policy(group.as_ref())?;
    let policy = service.policy(group.clone())?.policy;
    let under = match group {
        Some(_) => service.policy(None)?.policy,
        None => Policy::default(),
    };
    let mut parts: Vec<Part> = Vec::new();
    for setting in SETTINGS {
        if let Some((id, heading)) = HEADINGS.iter().find(|(key, _)| *key == setting.key) {
            parts.push(Part { id, heading, rows: Vec::new() });
        }
        let given = sent.map(|fields| value_of(setting, fields));
        let row = Row {
            setting,
            label: setting.label(),
            text: given.unwrap_or_else(|| setting.text(&policy)),
            under: setting.text(&under),
            is_own: match sent {
                Some(fields) => is_own(setting, fields, &policy, &under),
                None => setting.given(&own).is_some(),
            },
            error: errors.of(setting.key).map(str::to_owned),
            warning: policy.weakness(setting),
        };
        if let Some(part) = parts.last_mut() {
            part.rows.push(row);
        }
    }
    let frame = visit.frame(Section::Settings, title(group.as_ref()));
    let version = sent.and_then(|fields| fields.text("version").parse().ok()).unwrap_or(version.get());
    Ok(SettingsPage { frame, group, groups: service.groups().await?, version, parts, errors })
}

/// Shows the settings.
pub(super) async fn show(visit: Visit, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let mut shown = settings_page(&visit, read_group(&asked.group)?, None, FieldErrors::default()).await?;
    if asked.done == "saved" {
        shown.frame = shown.frame.notice(Some("The settings are saved. The audit has what changed."));
    }
    Ok(page(&shown))
}

/// The field that says whether a group has its own value.
fn own_field(setting: &Setting) -> String {
    format!("own-{}", setting.key)
}

/// Whether a form gives a group its own value: where that is ticked, and where what was entered is neither what the group
/// has nor what everyone has.
fn is_own(setting: &Setting, fields: &Fields, policy: &Policy, everyone: &Policy) -> bool {
    let text = value_of(setting, fields);
    fields.text(&own_field(setting)) == "yes" || (text != setting.text(policy) && text != setting.text(everyone))
}

/// A value as the form has it: where several words can be chosen, or a list has a line for each entry, with commas.
fn value_of(setting: &Setting, fields: &Fields) -> String {
    let values: Vec<&str> = match setting.allowed {
        Allowed::List { .. } => {
            fields.text(setting.key).lines().map(str::trim).filter(|line| !line.is_empty()).collect()
        }
        _ => fields.all(setting.key).collect(),
    };
    values.join(",")
}

/// What a form changes: only what differs from what is in force, so that a page is no copy of the defaults.
fn read_edit(visit: &Visit, group: Option<&Name>, fields: &Fields) -> Result<(PolicyEdit, FieldErrors), Failure> {
    let policy = visit.service.policy(group.cloned())?.policy;
    let everyone = visit.service.policy(None)?.policy;
    let (own, _) = visit.service.own_policy(group)?;
    let mut edit = PolicyEdit { set: PolicyPatch::default(), unset: Vec::new() };
    let mut errors = FieldErrors::default();
    for setting in SETTINGS {
        let is_set = setting.given(&own).is_some();
        if group.is_some() && !is_own(setting, fields, &policy, &everyone) {
            if is_set {
                edit.unset.push(setting.key.to_owned());
            }
            continue;
        }
        let text = value_of(setting, fields);
        if text == setting.text(&policy) && (group.is_none() || is_set) {
            continue;
        }
        let empty = text.is_empty() && matches!(setting.allowed, Allowed::Words { .. });
        match edit.set.set(setting.key, &text) {
            Ok(()) => {}
            Err(_) if empty => errors.add(setting.key, "choose at least one"),
            Err(error) => errors.add(setting.key, error.to_string().replacen(setting.key, &setting.label(), 1)),
        }
    }
    Ok((edit, errors))
}

/// One change, as the preview shows it.
struct Change {
    label: String,
    before: String,
    after: String,
    takes_effect: String,
    warning: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "settings-preview.html")]
struct PreviewPage {
    frame: Frame,
    group: Option<Name>,
    version: u64,
    changes: Vec<Change>,
    /// What the next form carries.
    fields: Vec<(String, String)>,
}

/// What a form asks for, and what would come of it.
struct Proposed {
    group: Option<Name>,
    edit: PolicyEdit,
    preview: PolicyPreview,
}

/// What a form asks for, or the page with what is wrong in it.
async fn read(visit: &Visit, fields: &Fields) -> Result<Result<Proposed, Response>, Failure> {
    let group = read_group(fields.text("group"))?;
    let (edit, mut errors) = read_edit(visit, group.as_ref(), fields)?;
    if errors.is_empty() {
        match visit.service.preview_policy(group.as_ref(), edit.clone()) {
            Ok(preview) => return Ok(Ok(Proposed { group, edit, preview })),
            Err(ServiceError::Invalid { field, message }) => errors.add(field, message),
            Err(error) => return Err(error.into()),
        }
    }
    let shown = settings_page(visit, group, Some(fields), errors).await?;
    Ok(Err(html(StatusCode::BAD_REQUEST, &shown)))
}

/// Shows what would change.
pub(super) async fn preview(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let Proposed { group, preview, .. } = match read(&visit, &fields).await? {
        Ok(read) => read,
        Err(response) => return Ok(response),
    };
    let find = |key: &str| Setting::find(key).map_err(|error| Failure::bad(sentence(&error)));
    let mut changes = Vec::new();
    for change in preview.before.diff(&preview.after) {
        let setting = find(change.key)?;
        changes.push(Change {
            label: setting.label(),
            before: shown(setting, &change.before),
            after: shown(setting, &change.after),
            takes_effect: sentence(&setting.takes_effect),
            warning: preview.after.weakness(setting),
        });
    }
    let frame = visit.frame(Section::Settings, "Save these settings?");
    let carried = fields.iter().filter(|(name, _)| !["form_token", "version", "group"].contains(name));
    let carried = carried.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let version = fields.text("version").parse().unwrap_or_default();
    Ok(page(&PreviewPage { frame, group, version, changes, fields: carried }))
}

/// Makes the change, if nobody has changed a policy since it was looked at.
pub(super) async fn save(visit: Visit, Sent(fields): Sent) -> Result<Response, Failure> {
    let Proposed { group, edit, .. } = match read(&visit, &fields).await? {
        Ok(read) => read,
        Err(response) => return Ok(response),
    };
    let seen = PolicyVersion::new(fields.text("version").parse().unwrap_or_default());
    visit.service.edit_policy(visit.actor(), group.clone(), seen, edit).await?;
    let group: String = form_urlencoded::byte_serialize(group.as_ref().map_or("", Name::as_str).as_bytes()).collect();
    Ok(see(&format!("/console/settings?done=saved&group={group}")))
}

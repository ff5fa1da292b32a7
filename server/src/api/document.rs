//! The OpenAPI document: what holds for every operation is said once, here; the rest stands at the handlers.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::openapi::{content::ContentBuilder, schema::Schema};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Symbolon",
        description = "Verifies codes, asks phones for approvals, activates tokens and administers them. Errors are \
                       `application/problem+json` (RFC 9457). Applications authenticate with `Authorization: Bearer KEY`."
    ),
    tags(
        (name = "application", description = "For programs that verify users. Scopes `verify` and `challenge`."),
        (name = "device", description = "For phones; specified in core/docs/protocol.md."),
        (name = "admin", description = "What `symbolon-server admin` does. Scope `admin`."),
        (name = "status", description = "For monitors and load balancers.")
    )
)]
pub(super) struct Document;

/// Completes what the routes brought together: how callers authenticate, and how each operation says that it failed.
pub(super) fn complete(document: &mut OpenApi) {
    let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    document.components.get_or_insert_default().add_security_scheme("key", scheme);
    document.paths.paths.values_mut().flat_map(operations).for_each(complete_errors);
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.put, &mut path.post, &mut path.delete, &mut path.patch].into_iter().flatten()
}

/// The type of every error, and an answer for those that any operation may give: a body that is too long, a method that
/// an address does not take, a server that fails.
fn complete_errors(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    for (_, response) in responses.iter_mut().filter(|(status, _)| !status.starts_with('2')) {
        if let RefOr::T(Response { content, .. }) = response
            && let Some(problem) = content.shift_remove("application/json")
        {
            content.insert(PROBLEM.to_owned(), problem);
        }
    }
    let problem: RefOr<Schema> = Ref::from_schema_name("Problem").into();
    let any = ResponseBuilder::new()
        .description("Any other error")
        .content(PROBLEM, ContentBuilder::new().schema(Some(problem)).build());
    responses.insert("default".to_owned(), any.build().into());
}

const PROBLEM: &str = "application/problem+json";

//! `channels`, and `status`.

use serde::Deserialize;

use super::call::{Answered, ApiResult, Call, Page, Problem, json};
use crate::channels::{self, ChannelView};
use crate::status;
use crate::store::Store;

/// Why a channel is stopped.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Pause {
    reason: Option<String>,
}

pub(super) fn list(call: &Call<'_>) -> Answered {
    call.with_store(|store| {
        let data = channels::list(store, &call.v1.config, call.now)?;
        Ok(json(200, &Page { data, next_cursor: None }))
    })
}

fn view(call: &Call<'_>, store: &mut Store) -> ApiResult<ChannelView> {
    let found = channels::one(store, call.id, &call.v1.config, call.now)?;
    found.ok_or_else(|| Problem::not_found(format!("there is no channel {}", call.id)))
}

pub(super) fn show(call: &Call<'_>) -> Answered {
    call.with_store(|store| Ok(json(200, &view(call, store)?)))
}

pub(super) fn pause(call: &Call<'_>) -> Answered {
    let reason = call.body_or_default::<Pause>()?.reason;
    call.once(|store| {
        view(call, store)?;
        channels::pause(store, &call.id.to_string(), reason.as_deref(), call.now)?;
        Ok(json(200, &view(call, store)?))
    })
}

pub(super) fn resume(call: &Call<'_>) -> Answered {
    call.once(|store| {
        view(call, store)?;
        channels::resume(store, &call.id.to_string(), call.now)?;
        Ok(json(200, &view(call, store)?))
    })
    .inspect(|_| call.v1.wake())
}

pub(super) fn status(call: &Call<'_>) -> Answered {
    call.with_store(|store| {
        let overview = status::status(store, &call.v1.config, call.now)?;
        Ok(json(200, &overview.to_json()))
    })
}

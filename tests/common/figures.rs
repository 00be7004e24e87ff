//! What the `metrics` facade was told, as lines.

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// What `record` tells `recorder`: `name{label=value,..} figure`, sorted. It is called twice, since the recorder forgets its
/// counts when it is asked: so what is added, and not absolute, shows twice.
pub fn recorded(recorder: &DebuggingRecorder, record: impl Fn()) -> Vec<String> {
    (0..2).for_each(|_| metrics::with_local_recorder(recorder, &record));
    let told = recorder.snapshotter().snapshot().into_vec().into_iter();
    let mut figures: Vec<_> = told
        .map(|(key, .., value)| {
            let labels = key.key().labels().map(|label| format!("{}={}", label.key(), label.value()));
            let labels: Vec<_> = labels.collect();
            let value = match value {
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(level) => level.into_inner(),
                DebugValue::Histogram(_) => unreachable!("there is none"),
            };
            format!("{}{{{}}} {value}", key.key().name(), labels.join(","))
        })
        .collect();
    figures.sort();
    figures
}

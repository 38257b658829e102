//! A gateway's hours on a clock of the test's own.

use super::happening::Happening;
use super::recordings::{RECORDINGS, Written};
use gateway_tests::source_files::ROOT;
use local::cloudwatch::{CloudWatch, Datum, SeriesId, State, read_line, reference_values};
use shared::endpoint::Endpoint;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
/// A morning: of a day's cost nothing lies before midnight.
const START: Duration = Duration::from_secs(20_000 * 86_400 + 6 * 3_600);
/// Minutes between two looks of the probe.
const SCHEDULE: u64 = 5;

/// What the lines of a happening count; each is read once.
static VALUES: LazyLock<HashMap<Happening, Vec<Datum>>> = LazyLock::new(|| {
    let read_all = |written: &Vec<Written>| written.iter().flat_map(read).collect();
    RECORDINGS.iter().map(|(happening, written)| (*happening, read_all(written))).collect()
});

/// Reads a line as CloudWatch does; one that functions have written always can be.
fn read((writer, line): &Written) -> Vec<Datum> {
    read_line(line).unwrap_or_else(|defect| panic!("{writer}: {defect}: {line}"))
}

/// A value, where it is kept, and whether AWS itself has written it.
type Value = (SeriesId, f64, bool);

pub struct Timeline {
    pub cloudwatch: CloudWatch,
    now: Duration,
    /// What the probe finds at its next looks, and whether it looks.
    look: Option<Happening>,
    until_look: u64,
    /// What each happening counts here, once it has happened.
    values: HashMap<Happening, Vec<Value>>,
}

impl Timeline {
    /// Begins with a new stack, at which the probe finds all well; with parameters over the template's defaults.
    pub fn begin(parameters: &[(&str, &str)]) -> Self {
        let text = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).unwrap();
        let mut values = reference_values(&text).unwrap();
        values.extend(parameters.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        let template = cloudformation::resolve_template(&text, values).unwrap();
        Timeline {
            cloudwatch: CloudWatch::from_template(&template, START).unwrap(),
            now: START,
            look: Some(Happening::LookOk),
            until_look: SCHEDULE,
            values: HashMap::new(),
        }
    }

    /// Lets the probe find this from its next look on; `None` ends its looks.
    pub fn probe_finds(&mut self, look: Option<Happening>) {
        self.look = look;
    }

    /// Something happens so many times in the present minute.
    pub fn write(&mut self, happening: Happening, times: usize) {
        self.write_of(happening, times, false);
    }

    /// Requests whose functions' lines are lost: only AWS tells of them.
    pub fn write_without_events(&mut self, endpoint: Endpoint, times: usize) {
        self.write_of(Happening::Good(endpoint), times, true);
    }

    fn write_of(&mut self, happening: Happening, times: usize, only_of_aws: bool) {
        let at = self.now + MINUTE / 2;
        let values = self.values.remove(&happening).unwrap_or_else(|| self.place(happening));
        for _ in 0..times {
            for (place, value, is_of_aws) in &values {
                if *is_of_aws || !only_of_aws {
                    self.cloudwatch.record_value(at, *place, *value);
                }
            }
        }
        self.values.insert(happening, values);
    }

    fn place(&mut self, happening: Happening) -> Vec<Value> {
        let mut values = Vec::new();
        for datum in &VALUES[&happening] {
            let is_of_aws = datum.metric.namespace.starts_with("AWS/");
            values.push((self.cloudwatch.place_metric(&datum.metric), datum.value, is_of_aws));
        }
        values
    }

    /// A function writes this in the present minute.
    pub fn write_line(&mut self, writer: &str, line: &str) {
        self.cloudwatch.record_output(self.now + MINUTE / 2, writer, line);
    }

    /// Lets minutes pass in which nothing further happens but the probe's looks.
    pub fn pass(&mut self, minutes: u64) {
        for _ in 0..minutes {
            self.until_look -= 1;
            if self.until_look == 0 {
                self.until_look = SCHEDULE;
                if let Some(look) = self.look {
                    self.write(look, 1);
                }
            }
            self.now += MINUTE;
            self.cloudwatch.advance_to(self.now);
        }
    }

    /// Lets minutes pass, in each of which these happen so many times.
    pub fn pass_with(&mut self, minutes: u64, each: &[(Happening, usize)]) {
        for _ in 0..minutes {
            for (happening, times) in each {
                self.write(*happening, *times);
            }
            self.pass(1);
        }
    }

    /// Lets so many looks of the probe pass.
    pub fn pass_looks(&mut self, looks: u64) {
        self.pass(looks * SCHEDULE);
    }

    /// Tells whether anybody hears of an alarm; the gates of a rollout tell nobody.
    pub fn is_alert(&self, alarm: &str) -> bool {
        let teller = self.teller(alarm);
        let mut alarms = self.cloudwatch.alarms();
        alarms.any(|one| one.name == teller && !one.actions.on_alarm.is_empty())
    }

    /// Returns the alerts that were in ALARM at some time.
    pub fn fired(&self) -> BTreeSet<String> {
        let changes = self.cloudwatch.history().iter();
        let mut fired: BTreeSet<_> = changes
            .filter(|change| change.to == State::Alarm && self.is_alert(&change.alarm))
            .map(|change| change.alarm.clone())
            .collect();
        // What tells by having no data any more has fired too.
        fired.extend(self.all_told().into_iter().map(|(alarm, _)| alarm));
        fired
    }

    pub fn has_fired(&self, alarm: &str) -> bool {
        self.fired().contains(alarm)
    }

    /// Returns the alarm that tells of another one: itself, or the composite that it is a member of.
    pub fn teller(&self, alarm: &str) -> String {
        let mut alarms = self.cloudwatch.alarms();
        let composite = alarms.find(|one| one.members().contains(&alarm));
        composite.map_or_else(|| alarm.to_string(), |one| one.name.clone())
    }

    /// Returns the topics that an alarm told of a fault, once for each time.
    pub fn told(&self, alarm: &str) -> Vec<String> {
        let told = self.all_told().into_iter().filter(|(name, _)| name == alarm);
        told.map(|(_, topic)| topic).collect()
    }

    /// Returns alarms and topics of every fault that was told.
    fn all_told(&self) -> Vec<(String, String)> {
        let told = self.cloudwatch.notifications().iter().filter(|told| told.state != State::Ok);
        told.map(|told| (told.alarm.clone(), told.topic.clone())).collect()
    }

    /// Returns the alarms that have told P1 of a fault, once for each time.
    pub fn pages(&self) -> Vec<String> {
        self.told_to("P1Topic")
    }

    /// Returns the alarms that have told this topic of a fault, once for each time.
    pub fn told_to(&self, topic: &str) -> Vec<String> {
        let told = self.all_told().into_iter().filter(|(_, other)| other == topic);
        told.map(|(alarm, _)| alarm).collect()
    }

    /// Returns how severe the alarm is that tells of this one.
    pub fn severity(&self, alarm: &str) -> &'static str {
        let teller = self.teller(alarm);
        let definition = self.cloudwatch.alarms().find(|one| one.name == teller).unwrap();
        match definition.actions.on_alarm.first().map(String::as_str) {
            Some("P1Topic") => "P1",
            Some("P2Topic") => "P2",
            other => panic!("{teller} tells {other:?}"),
        }
    }
}

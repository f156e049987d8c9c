// Statuses: what they are called, and in which order they are shown.

/** @type {Record<string, {label: string, tone: string, icon: string}>} */
export const STATUSES = {
  running: { label: "Running", tone: "blue", icon: "running" },
  suspended: { label: "Waits for a person", tone: "amber", icon: "hold" },
  waiting: { label: "Asleep", tone: "violet", icon: "clock" },
  pending: { label: "Not begun", tone: "grey", icon: "dot" },
  held: { label: "Held", tone: "red", icon: "lock" },
  failed: { label: "Failed", tone: "red", icon: "cross" },
  success: { label: "Done", tone: "green", icon: "check" },
  canceled: { label: "Canceled", tone: "grey", icon: "stop" },
  skipped: { label: "Skipped", tone: "grey", icon: "dot" },
  bailed: { label: "Ended early", tone: "green", icon: "check" },
  open: { label: "Open", tone: "amber", icon: "hold" },
  answered: { label: "Answered", tone: "green", icon: "check" },
  expired: { label: "Expired", tone: "grey", icon: "clock" },
  superseded: { label: "Superseded", tone: "grey", icon: "stop" },
  active: { label: "Active", tone: "green", icon: "check" },
  paused: { label: "Paused", tone: "grey", icon: "hold" },
};

export const RUN_STATUSES = ["suspended", "running", "waiting", "held", "failed", "success", "canceled", "pending"];

/** @param {string} status */
export const statusOf = (status) => STATUSES[status] ?? { label: status, tone: "grey", icon: "dot" };

export const ENDED = new Set(["success", "failed", "canceled"]);

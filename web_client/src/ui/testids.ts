/**
 * `data-testid` values: the stable handles of end-to-end tests. What `data-state` says at one is in
 * its comment. A value never changes its meaning. One list for all pages, so that none is given
 * twice; sections are named after the folders.
 */
export const testIds = {
  // ui
  /** The present language: `zh-CN` | `en`. */
  languageSwitch: 'language-switch',
  /** Who is signed in. */
  accountName: 'account-name',
  signOut: 'sign-out',
  signInForm: 'sign-in-form',
  signInUsername: 'sign-in-username',
  signInPassword: 'sign-in-password',
  signInSubmit: 'sign-in-submit',
  /** The refusal under a form. */
  formError: 'form-error',
  /** Shown while signalling is not joined. */
  connectionLost: 'connection-lost',

  // host
  /** The one-time set-up. */
  setupForm: 'setup-form',
  setupToken: 'setup-token',
  setupUsername: 'setup-username',
  setupPassword: 'setup-password',
  setupPasswordAgain: 'setup-password-again',
  setupSubmit: 'setup-submit',
  accountsOpen: 'accounts-open',
  accountRow: 'account-row',
  accountForm: 'account-form',
  accountUsername: 'account-username',
  accountPassword: 'account-password',
  accountRole: 'account-role',
  accountSubmit: 'account-submit',
  newSession: 'new-session',
  /** A session of the list: phase; `data-session-id`. */
  sessionRow: 'session-row',
  createForm: 'create-form',
  createTitle: 'create-title',
  createMain: 'create-main',
  /** Name of a branch venue, one per row. */
  createBranch: 'create-branch',
  createAddBranch: 'create-add-branch',
  createImport: 'create-import',
  createSubmit: 'create-submit',
  importText: 'import-text',
  importFile: 'import-file',
  importRow: 'import-row',
  importProblem: 'import-problem',
  importTake: 'import-take',
  controlPanel: 'control-panel',
  backToList: 'back-to-list',
  /** The phase of the session. */
  phase: 'phase',
  phaseStep: {
    open: 'phase-open',
    start: 'phase-start',
    pause: 'phase-pause',
    resume: 'phase-resume',
    end: 'phase-end',
  },
  /** `recording` | `stopped`. */
  recording: 'recording',
  recordingStart: 'recording-start',
  recordingStop: 'recording-stop',
  muteAll: 'mute-all',
  unmuteAll: 'unmute-all',
  addVenues: 'add-venues',
  bell: 'bell',
  /** A venue of the grid: `offline` | `connected` | `waiting` | `on_air` | `muted`; `data-venue-id`. */
  venueRow: 'venue-row',
  venueGrant: 'venue-grant',
  venueRevoke: 'venue-revoke',
  venueMute: 'venue-mute',
  venueMore: 'venue-more',
  venueOpen: 'venue-open',
  venueToStage: 'venue-to-stage',
  venueSearch: 'venue-search',
  venueFilter: 'venue-filter',
  /** A floor holder; `data-venue-id`. */
  holderRow: 'holder-row',
  revoke: 'revoke',
  /** A waiting request, in order; `data-venue-id`, `data-request-id`. */
  queueRow: 'queue-row',
  grant: 'grant',
  grantExclusive: 'grant-exclusive',
  deny: 'deny',
  moveUp: 'move-up',
  moveDown: 'move-down',
  moveTo: 'move-to',
  queueRowMore: 'queue-row-more',
  queueMenu: 'queue-menu',
  toggleList: 'toggle-list',
  requestFor: 'request-for',
  requestForForm: 'request-for-form',
  reasonForm: 'reason-form',
  reasonPosition: 'reason-position',
  reasonText: 'reason-text',
  reasonSubmit: 'reason-submit',
  /** `data-mode`, `data-layout`; inside `data-slot` with `data-venue-id`. */
  stagePreview: 'stage-preview',
  stageSound: 'stage-sound',
  stageMode: 'stage-mode',
  stageFollow: 'stage-follow',
  stageManual: 'stage-manual',
  stageLayout: 'stage-layout',
  layoutSingle: 'layout-single',
  layoutSideBySide: 'layout-side-by-side',
  /** Which venue a slot shows, in mode `manual`. */
  stageSlotSelect: 'stage-slot-select',
  linksOpen: 'links-open',
  linksCopyAll: 'links-copy-all',
  linksDownload: 'links-download',
  /** A join link; `data-venue-id`. */
  linkRow: 'link-row',
  linkUrl: 'link-url',
  linkCopy: 'link-copy',
  linkQr: 'link-qr',
  linkRenew: 'link-renew',
  logOpen: 'log-open',
  eventLog: 'event-log',
  shortcutOpen: 'shortcut-open',
  shortcutHelp: 'shortcut-help',
  undoBar: 'undo-bar',
  undo: 'undo',
  /** What screen readers are told. */
  announcement: 'announcement',

  // monitor
  /** The session that is watched. */
  monitorSession: 'monitor-session',
  /** A venue: `bad` | `warn` | `good` | `absent`; `data-venue-id`. */
  monitorRow: 'monitor-row',
  monitorSearch: 'monitor-search',
  monitorFilter: 'monitor-filter',
  monitorSort: 'monitor-sort',
  monitorDetail: 'monitor-detail',
  /** How many venues in each state. */
  monitorSummary: 'monitor-summary',
  monitorEmpty: 'monitor-empty',

  // archive
  /** A recording: `recording` | `captured` | `finalizing` | `ready` | `failed`; `data-recording-id`. */
  recordingRow: 'recording-row',
  archiveEmpty: 'archive-empty',
  /** The program's video element. */
  player: 'player',
  /** A chapter, in order: `current` or empty. */
  chapter: 'chapter',
  playerSpeed: 'player-speed',
  verify: 'verify',
  /** `intact` | `problems`. */
  verifyResult: 'verify-result',
  verifyProblem: 'verify-problem',
  finalize: 'finalize',
  downloadProgram: 'download-program',
  /** A captured track file; `data-venue-id`. */
  trackRow: 'track-row',

  // start
  /** `loading` | `reachable` | `unreachable`. */
  serverState: 'server-state',
  startHost: 'start-host',
  startMonitor: 'start-monitor',
  startArchive: 'start-archive',
  startLink: 'start-link',
  startJoin: 'start-join',
  startLinkProblem: 'start-link-problem',

  // venue
  /** The page: `checking` | `link_error` | `prejoin` | `stage` | `ended` | `left`. */
  venuePage: 'venue-page',
  /** Why the link does not work: the error's code. */
  venueLinkError: 'venue-link-error',
  /** Choosing devices. */
  prejoin: 'prejoin',
  /** The session records microphones that are not open. */
  recordsEverything: 'records-everything',
  /** `idle` | `starting` | `ok` | `off` | `none` | `refused` | `busy` | `lost` | `insecure`. */
  cameraPreview: 'camera-preview',
  /** The same words for the microphone. */
  microphonePreview: 'microphone-preview',
  cameraSelect: 'camera-select',
  microphoneSelect: 'microphone-select',
  speakerSelect: 'speaker-select',
  /** `aria-valuenow` is the level, 0–100. */
  levelMeter: 'level-meter',
  testSound: 'test-sound',
  flipCamera: 'flip-camera',
  /** Advice when devices are not allowed: `refused` | `insecure`. */
  permissionAdvice: 'permission-advice',
  askAgain: 'ask-again',
  join: 'join',
  /** The stage: its layout `single` | `side_by_side`. */
  stage: 'stage',
  /** One place: `data-slot`, `data-venue`; state `playing` | `waiting` | `own` | `slate`. */
  venueSlot: 'venue-slot',
  /** The slot's `<video>`. */
  stageVideo: 'stage-video',
  slate: 'slate',
  /** Hidden `<audio>` of a sound: `data-name` is `slot:<n>` or `bus:<n>`. */
  stageAudio: 'stage-audio',
  /** Own picture in the corner: `ok` or the camera's state. */
  ownPicture: 'own-picture',
  /** The session's phase. */
  venuePhase: 'venue-phase',
  /** `off` | `on_air` | `muted`; `data-microphone` is the microphone's state. */
  air: 'air',
  /** `unavailable` | `closed` | `free` | `waiting` | `holding` | `watching`. */
  floor: 'floor',
  floorRequest: 'floor-request',
  floorSubject: 'floor-subject',
  floorSpeaker: 'floor-speaker',
  floorSend: 'floor-send',
  floorWithdraw: 'floor-withdraw',
  floorRelease: 'floor-release',
  /** Queue position as text; state is the number. */
  floorPosition: 'floor-position',
  /** An answer of the host or an error of the last action: its code. */
  floorNotice: 'floor-notice',
  /** `on` | `off` | `none` | `refused` …. */
  microphoneButton: 'microphone-button',
  cameraButton: 'camera-button',
  settingsButton: 'settings-button',
  leave: 'leave',
  fullscreen: 'fullscreen',
  shortcuts: 'shortcuts',
  /** `good` | `weak` | `bad` | `lost`. */
  quality: 'quality',
  /** Link to the server `open` | `waiting` …; `data-media` is the media's state. */
  connection: 'connection',
  /** Shown only while sound is blocked: `blocked`. */
  soundBlocked: 'sound-blocked',
  /** `occupied` | `watching` | `superseded`. */
  occupied: 'occupied',
  takeOver: 'take-over',
  watchOnly: 'watch-only',
  sessionEnded: 'session-ended',
} as const;

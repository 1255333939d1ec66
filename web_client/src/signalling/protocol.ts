/**
 * The wire between server and clients.
 * Generated from orchestrator/protocol by `npm run generate`: do not edit.
 */

export type ReasonCode =
  | "bad_request"
  | "too_large"
  | "unknown_method"
  | "rate_limited"
  | "not_found"
  | "conflict"
  | "internal_error"
  | "unavailable"
  | "not_signed_in"
  | "wrong_password"
  | "not_permitted"
  | "origin_refused"
  | "setup_done"
  | "setup_token_invalid"
  | "link_invalid"
  | "link_expired"
  | "link_revoked"
  | "no_such_session"
  | "no_such_venue"
  | "no_such_request"
  | "no_such_recording"
  | "wrong_phase"
  | "venue_occupied"
  | "not_joined"
  | "floor_full"
  | "list_closed"
  | "already_requested"
  | "already_holder"
  | "not_holder"
  | "stage_invalid"
  | "already_recording"
  | "not_recording"
  | "recording_busy"
  | "not_publisher"
  | "media_reset"
  | "codec_mismatch"
  | "media_unavailable"
  | "disk_full"
  | "read_only"
  | "database_damaged"
  | "config_invalid"
  | "port_in_use"
  | "already_running";

/**
 * Result of every command: the log version at which its events stand. `repeated`: this key
 * had been carried out before. `request_id` for `floor.request`.
 */
export interface Accepted {
  version: number;
  repeated: boolean;
  request_id?: string | null;
}
export interface Account {
  username: string;
  roles: (
    "admin" | "host" | "technician" | "archivist" | "venue" | "member" | "public" | "system"
  )[];
}
/**
 * POST /api/sessions/{session_id}/venues (host) → SessionDetail.
 */
export interface AddVenues {
  /**
   * @minItems 1
   * @maxItems 300
   */
  venues: NewVenue[];
}
export interface NewVenue {
  name: string;
  kind?: "main" | "branch";
}
/**
 * Consume an unpaired audio bus.
 */
export interface AudioBusTarget {
  type: "audio_bus";
  bus: number;
}
/**
 * `floor.cancel`: a venue its own request, the host any.
 */
export interface CancelRequest {
  key: string;
  request_id: string;
}
export interface CapabilitiesResult {
  generation: number;
  rtp_capabilities: RtpCapabilities;
}
export interface RtpCapabilities {
  /**
   * @maxItems 64
   */
  codecs?: RtpCodecCapability[];
  /**
   * @maxItems 64
   */
  headerExtensions?: RtpHeaderExtension[];
}
export interface RtpCodecCapability {
  kind: "audio" | "video";
  mimeType: string;
  preferredPayloadType?: number | null;
  clockRate: number;
  channels?: number | null;
  parameters?: {
    [k: string]: string | number | boolean | null;
  };
  rtcpFeedback?: RtcpFeedback[];
}
export interface RtcpFeedback {
  type: string;
  parameter?: string;
}
export interface RtpHeaderExtension {
  kind: "audio" | "video";
  uri: string;
  preferredId: number;
  preferredEncrypt?: boolean;
  direction?: "sendrecv" | "sendonly" | "recvonly" | "inactive";
}
/**
 * Seconds from the start of the program.
 */
export interface Chapter {
  start: number;
  end: number;
  title: string;
  venue_id?: string | null;
}
/**
 * `client.report`: what only the page knows; shown to technicians, never trusted for more.
 * `received` are its own decoder's figures.
 */
export interface ClientReport {
  sound_blocked?: boolean;
  camera?: "ok" | "none" | "refused" | "lost" | "off";
  microphone?: "ok" | "none" | "refused" | "lost" | "off";
  visible?: boolean;
  frames_per_second?: number | null;
  freeze_count?: number | null;
}
/**
 * `media.producer.close`.
 */
export interface CloseProducer {
  producer_id: string;
}
/**
 * `media.transport.connect`: answered at once; DTLS follows.
 */
export interface ConnectTransport {
  transport_id: string;
  dtls_parameters: DtlsParameters;
}
export interface DtlsParameters {
  role?: "auto" | "client" | "server";
  /**
   * @minItems 1
   * @maxItems 8
   */
  fingerprints: DtlsFingerprint[];
}
export interface DtlsFingerprint {
  algorithm: string;
  value: string;
}
/**
 * `media.consume`: all stage slots and audio buses at once, and `wall_tiles` switched tiles
 * (host and technician only). Called once per receiving transport; never again for a change of
 * speaker.
 */
export interface Consume {
  transport_id: string;
  rtp_capabilities: RtpCapabilities;
  wall_tiles?: number;
}
export interface ConsumeResult {
  consumers: ConsumerResult[];
}
export interface ConsumerResult {
  consumer_id: string;
  producer_id: string;
  target: SlotTarget | AudioBusTarget | WallTarget;
  kind: "audio" | "video";
  stream_id: string;
  rtp_parameters: RtpParameters;
}
/**
 * Consume the video or the paired audio of a stage slot.
 */
export interface SlotTarget {
  type: "slot";
  slot: number;
  kind: "audio" | "video";
}
/**
 * A switched wall tile private to this transport; its source is set by `wall.set`.
 */
export interface WallTarget {
  type: "wall";
  tile: number;
}
/**
 * What a producer sends or a consumer receives.
 */
export interface RtpParameters {
  mid?: string | null;
  /**
   * @minItems 1
   * @maxItems 32
   */
  codecs: RtpCodecParameters[];
  /**
   * @maxItems 32
   */
  headerExtensions?: RtpHeaderExtensionParameters[];
  /**
   * @maxItems 8
   */
  encodings?: RtpEncodingParameters[];
  rtcp?: RtcpParameters;
}
export interface RtpCodecParameters {
  mimeType: string;
  payloadType: number;
  clockRate: number;
  channels?: number | null;
  parameters?: {
    [k: string]: string | number | boolean | null;
  };
  rtcpFeedback?: RtcpFeedback[];
}
export interface RtpHeaderExtensionParameters {
  uri: string;
  id: number;
  encrypt?: boolean;
  parameters?: {
    [k: string]: string | number | boolean | null;
  };
}
export interface RtpEncodingParameters {
  ssrc?: number | null;
  rid?: string | null;
  rtx?: RtxParameters | null;
  codecPayloadType?: number | null;
  dtx?: boolean | null;
  maxBitrate?: number | null;
  scalabilityMode?: string | null;
}
export interface RtxParameters {
  ssrc: number;
}
export interface RtcpParameters {
  cname?: string | null;
  reducedSize?: boolean;
  mux?: boolean;
}
/**
 * `media.transport.create`. One of each direction per connection; again replaces it.
 * Refused with `media_reset` when `generation` is not the present one.
 */
export interface CreateTransport {
  generation: number;
  direction: "send" | "recv";
}
export interface CsvProblem {
  line: number;
  code: string;
  message: string;
}
/**
 * `floor.deny`.
 */
export interface DenyRequest {
  key: string;
  request_id: string;
  reason?: string;
}
export interface ErrorBody {
  code: string;
  message: string;
  details?:
    | {
        [k: string]: unknown;
      }[]
    | null;
}
/**
 * Notification `session.events`: what happened up to `version`, and how the view changes:
 * `patch` is a JSON merge patch (RFC 7396) to the client's view. Versions may skip.
 */
export interface EventFrame {
  version: number;
  events: VisibleEvent[];
  patch: {
    [k: string]: unknown;
  };
}
/**
 * An event of the session log as this viewer may see it.
 */
export interface VisibleEvent {
  version: number;
  at: number;
  type: string;
  data: {
    [k: string]: unknown;
  };
}
/**
 * `position` counts from 1 among those waiting. `subject` only to host and the venue itself
 * and, once granted, to all.
 */
export interface FloorRequestView {
  request_id: string;
  venue_id: string;
  speaker: string;
  subject: string;
  status: "pending" | "accepted" | "granted" | "released" | "revoked" | "denied" | "cancelled";
  position?: number | null;
  requested_at: number;
  moved_reason?: string | null;
}
/**
 * `requests`: those waiting (pending or accepted), by id; `queue`: their ids in order.
 */
export interface FloorView {
  policy: "chair" | "fifo";
  list_open: boolean;
  limit: number;
  queue: string[];
  requests: {
    [k: string]: FloorRequestView;
  };
  holders: {
    [k: string]: HolderView;
  };
}
export interface HolderView {
  venue_id: string;
  request_id?: string | null;
  speaker: string;
  subject: string;
  granted_at: number;
  disconnected_since?: number | null;
}
/**
 * `floor.grant`: a request, or a venue that did not ask. `exclusive`: revoke others first.
 */
export interface GrantFloor {
  key: string;
  request_id?: string | null;
  venue_id?: string | null;
  exclusive?: boolean;
}
export interface IceCandidate {
  foundation: string;
  priority: number;
  ip: string;
  address: string;
  protocol: "udp" | "tcp";
  port: number;
  type: "host";
}
export interface IceParameters {
  usernameFragment: string;
  password: string;
  iceLite: boolean;
}
/**
 * `session.join`. `client_id` lives as long as the page's tab (a reload keeps it): the same
 * client takes its place again; another one must say `take_over`, else it only watches.
 * `last_version`/`view_id`: what it has, to be sent only what it missed.
 */
export interface Join {
  protocol?: number;
  client_id: string;
  publish?: boolean;
  take_over?: boolean;
  last_version?: number | null;
  transports?: string[] | null;
  language?: "zh-CN" | "en";
  user_agent?: string;
}
/**
 * POST /api/join: exchange the token of a link for a cookie. → JoinedVenue
 */
export interface JoinLink {
  token: string;
}
/**
 * `publisher`: this connection publishes for its venue. `occupied`: another one does, and this
 * one only watches until it joins again with `take_over`. `view` is absent when `frames` carry
 * all that was missed since `last_version`. `generation` is the media generation: changed since
 * the client's last → drop transports and set media up again.
 */
export interface Joined {
  role: "admin" | "host" | "technician" | "archivist" | "venue" | "member" | "public" | "system";
  venue_id?: string | null;
  publisher: boolean;
  occupied: boolean;
  version: number;
  server_time: number;
  view?: SessionView | null;
  frames: EventFrame[];
  generation: number;
  media_ready: boolean;
  transports: string[];
}
export interface SessionView {
  session: SessionSummary;
  venues: {
    [k: string]: VenueView;
  };
  floor: FloorView;
  stage: StageView;
  recording?: RecordingView | null;
  you: YouView;
}
/**
 * Times are Unix seconds of the server's clock.
 */
export interface SessionSummary {
  session_id: string;
  title: string;
  phase: "scheduled" | "open" | "live" | "paused" | "ended" | "archived";
  codec: "vp8" | "h264";
  created_at: number;
  started_at?: number | null;
  paused_at?: number | null;
  ended_at?: number | null;
}
/**
 * `heard`: its microphone reaches everybody. `open`: heard without holding the floor.
 * `publications`: newest generation of each source that it publishes now.
 */
export interface VenueView {
  venue_id: string;
  name: string;
  kind: "main" | "branch";
  order: number;
  connected: boolean;
  publications: {
    [k: string]: number;
  };
  open: boolean;
  muted: boolean;
  holder: boolean;
  heard: boolean;
}
export interface StageView {
  mode: "follow_floor" | "manual";
  layout: "single" | "side_by_side";
  slots: {
    [k: string]: SlotView;
  };
}
/**
 * `venue_id` left out: an empty place, drawn as a slate.
 */
export interface SlotView {
  slot: number;
  venue_id?: string | null;
  source: "camera" | "microphone" | "screen" | "screen_audio";
}
export interface RecordingView {
  recording_id: string;
  state: "recording" | "stopped";
  policy: "stage" | "stage_and_speakers" | "everything";
  started_at: number;
  stopped_at?: number | null;
}
/**
 * Who the viewer is to the server, and, for a venue, its own last request.
 */
export interface YouView {
  role: "admin" | "host" | "technician" | "archivist" | "venue" | "member" | "public" | "system";
  venue_id?: string | null;
  request?: FloorRequestView | null;
}
/**
 * Also GET /api/venue?session=…&venue=… (who does my cookie say I am).
 *
 * `records_closed_microphones`: the session's recording policy is `everything`; the page says so
 * before the venue joins.
 */
export interface JoinedVenue {
  session_id: string;
  session_title: string;
  venue_id: string;
  venue_name: string;
  kind: "main" | "branch";
  phase: "scheduled" | "open" | "live" | "paused" | "ended" | "archived";
  records_closed_microphones: boolean;
}
/**
 * `session.leave`: the page closes on purpose; the server forgets it at once.
 */
export interface Leave {}
/**
 * Notification `session.link_revoked`, then the server closes with code 4403.
 */
export interface LinkRevoked {}
/**
 * POST /api/login → Account; POST /api/logout → {}; GET /api/me → Me.
 */
export interface Login {
  username: string;
  password: string;
}
/**
 * `setup_needed`: no account exists yet. `account` absent: not signed in.
 */
export interface Me {
  account?: Account | null;
  setup_needed: boolean;
}
/**
 * `media.capabilities` → router RTP capabilities for `mediasoup-client`'s `Device.load`.
 */
export interface MediaCapabilities {}
/**
 * Notification `media.reset`: drop all transports; set up again with this generation. With
 * `ready` False there is no worker now: wait for the next one.
 */
export interface MediaReset {
  generation: number;
  ready: boolean;
  reason: string;
}
export interface MethodParams {
  "session.join": Join;
  "session.leave": Leave;
  "session.open": SessionCommand;
  "session.start": SessionCommand;
  "session.pause": SessionCommand;
  "session.resume": SessionCommand;
  "session.end": SessionCommand;
  "floor.request": RequestFloor;
  "floor.cancel": CancelRequest;
  "floor.release": ReleaseFloor;
  "floor.grant": GrantFloor;
  "floor.deny": DenyRequest;
  "floor.revoke": RevokeFloor;
  "floor.move": MoveRequest;
  "floor.policy": SetFloorPolicy;
  "floor.mute_all": MuteAll;
  "venue.audio": SetVenueAudio;
  "stage.set": SetStage;
  "recording.start": RecordingCommand;
  "recording.stop": RecordingCommand;
  "media.capabilities": MediaCapabilities;
  "media.transport.create": CreateTransport;
  "media.transport.connect": ConnectTransport;
  "media.transport.restart_ice": RestartIce;
  "media.produce": Produce;
  "media.producer.close": CloseProducer;
  "media.consume": Consume;
  "media.wall": SetWall;
  "media.key_frame": RequestKeyFrame;
  "client.report": ClientReport;
  "client.ping": Ping;
  "monitor.subscribe": SubscribeMonitor;
  "monitor.unsubscribe": SubscribeMonitor;
}
/**
 * `session.open`, `session.start`, `session.pause`, `session.resume`, `session.end`.
 */
export interface SessionCommand {
  key: string;
}
/**
 * `floor.request`. `venue_id` only from the host, who may ask on a venue's behalf.
 */
export interface RequestFloor {
  key: string;
  subject?: string;
  speaker?: string;
  venue_id?: string | null;
}
/**
 * `floor.release`: a holder gives the floor back.
 */
export interface ReleaseFloor {
  key: string;
}
/**
 * `floor.revoke`.
 */
export interface RevokeFloor {
  key: string;
  venue_id: string;
  reason?: string;
}
/**
 * `floor.move`: the chair changes the order, and says why. `position` counts from 1.
 */
export interface MoveRequest {
  key: string;
  request_id: string;
  position: number;
  reason: string;
}
/**
 * `floor.policy`; `list_open` False: no new requests.
 */
export interface SetFloorPolicy {
  key: string;
  policy?: ("chair" | "fifo") | null;
  list_open?: boolean | null;
}
/**
 * `floor.mute_all`: every venue but the main one is silent until unmuted or granted.
 */
export interface MuteAll {
  key: string;
}
/**
 * `venue.audio`: `open` hears it without the floor; `muted` silences it whatever it holds.
 */
export interface SetVenueAudio {
  key: string;
  venue_id: string;
  open?: boolean | null;
  muted?: boolean | null;
}
/**
 * `stage.set`: what is on stage. `slots` (slot number → venue id or null) only in `manual`.
 */
export interface SetStage {
  key: string;
  mode: "follow_floor" | "manual";
  layout: "single" | "side_by_side";
  slots?: {
    [k: string]: string | null;
  };
}
/**
 * `recording.start`, `recording.stop`.
 */
export interface RecordingCommand {
  key: string;
}
/**
 * `media.transport.restart_ice` → `IceParameters`.
 */
export interface RestartIce {
  transport_id: string;
}
/**
 * `media.produce`: publish a source of the own venue. Refused with `not_publisher` for a
 * connection that only watches.
 */
export interface Produce {
  transport_id: string;
  kind: "audio" | "video";
  source: "camera" | "microphone" | "screen" | "screen_audio";
  rtp_parameters: RtpParameters;
}
/**
 * `media.wall`: venue of each tile (tile number → venue id or null); host and technician.
 */
export interface SetWall {
  tiles: {
    [k: string]: string | null;
  };
}
/**
 * `media.key_frame`.
 */
export interface RequestKeyFrame {
  consumer_id: string;
}
/**
 * `client.ping` → {}: the client's heartbeat, also allowed before `session.join`.
 */
export interface Ping {}
/**
 * `monitor.subscribe`, `monitor.unsubscribe` (host, technician, admin).
 */
export interface SubscribeMonitor {}
export interface MethodResults {
  "session.join": Joined;
  "session.leave": {};
  "session.open": Accepted;
  "session.start": Accepted;
  "session.pause": Accepted;
  "session.resume": Accepted;
  "session.end": Accepted;
  "floor.request": Accepted;
  "floor.cancel": Accepted;
  "floor.release": Accepted;
  "floor.grant": Accepted;
  "floor.deny": Accepted;
  "floor.revoke": Accepted;
  "floor.move": Accepted;
  "floor.policy": Accepted;
  "floor.mute_all": Accepted;
  "venue.audio": Accepted;
  "stage.set": Accepted;
  "recording.start": Accepted;
  "recording.stop": Accepted;
  "media.capabilities": CapabilitiesResult;
  "media.transport.create": TransportResult;
  "media.transport.connect": {};
  "media.transport.restart_ice": IceParameters;
  "media.produce": ProduceResult;
  "media.producer.close": {};
  "media.consume": ConsumeResult;
  "media.wall": {};
  "media.key_frame": {};
  "client.report": {};
  "client.ping": {};
  "monitor.subscribe": {};
  "monitor.unsubscribe": {};
}
export interface TransportResult {
  transport_id: string;
  ice_parameters: IceParameters;
  ice_candidates: IceCandidate[];
  dtls_parameters: DtlsParameters;
}
/**
 * `publication_generation` counts the lives of this source of this venue.
 */
export interface ProduceResult {
  producer_id: string;
  publication_generation: number;
}
/**
 * Notification `monitor.stats`, each second. `recorder` while a recording runs.
 */
export interface MonitorStats {
  server_time: number;
  venues: VenueHealth[];
  recorder?: RecorderHealth | null;
}
/**
 * State of one venue, both directions, as of the last second.
 */
export interface VenueHealth {
  venue_id: string;
  name: string;
  connected: boolean;
  connection_state: string;
  report?: ClientReport | null;
  transports: TransportStats[];
}
export interface TransportStats {
  transport_id: string;
  venue_id?: string | null;
  direction: "send" | "recv";
  state: string;
  streams: StreamStats[];
}
/**
 * One RTP stream, one direction, over the last interval; counters as in RFC 3550.
 *
 * Units: bit/s, fraction 0–1, ms, pixels, frames/s. `direction` is the worker's view: `in` from
 * the venue, `out` to the venue. `loss` and `round_trip_ms` of `out` come from the venue's
 * receiver reports.
 */
export interface StreamStats {
  direction: "in" | "out";
  kind: "audio" | "video";
  publication?: PublicationKey | null;
  target?: (SlotTarget | AudioBusTarget | WallTarget) | null;
  bitrate: number;
  packets: number;
  packets_lost: number;
  loss: number;
  jitter_ms: number;
  round_trip_ms?: number | null;
  width?: number | null;
  height?: number | null;
  frame_rate?: number | null;
  nack_count: number;
  pli_count: number;
  key_frames: number;
}
/**
 * One life of a source: slots, taps, files and statistics use this key.
 */
export interface PublicationKey {
  venue_id: string;
  source: "camera" | "microphone" | "screen" | "screen_audio";
  generation: number;
}
/**
 * The capture of the running recording. `state` `lost`: the recorder does not answer; it is
 * started again and goes on by itself, and the session goes on meanwhile.
 */
export interface RecorderHealth {
  state: "recording" | "waiting_for_worker" | "stopped" | "failed" | "lost";
  tracks: number;
  bytes_written: number;
  gaps: number;
  reason: string;
}
/**
 * POST /api/accounts (admin) → Account; GET /api/accounts → {"accounts": [Account]}.
 */
export interface NewAccount {
  username: string;
  password: string;
  /**
   * @minItems 1
   */
  roles: ("admin" | "host" | "technician" | "archivist")[];
}
/**
 * POST /api/sessions (host) → SessionDetail. Exactly one venue is `main`.
 */
export interface NewSession {
  title: string;
  /**
   * @minItems 1
   * @maxItems 300
   */
  venues: NewVenue[];
  floor_policy?: "chair" | "fifo";
  layout?: "single" | "side_by_side";
  recording_policy?: "stage" | "stage_and_speakers" | "everything";
  open_microphone_limit?: number;
}
export interface Notifications {
  "session.events": EventFrame;
  "session.superseded": Superseded;
  "session.link_revoked": LinkRevoked;
  "media.reset": MediaReset;
  "media.transport": TransportNotice;
  "stage.switched": StageSwitched;
  "monitor.stats": MonitorStats;
}
/**
 * Notification `session.superseded`: another connection publishes for this venue now.
 */
export interface Superseded {}
/**
 * Notification `media.transport`: state of an own transport as the server sees it.
 */
export interface TransportNotice {
  transport_id: string;
  state: "connecting" | "connected" | "disconnected" | "failed" | "closed";
}
/**
 * Notification `stage.switched`: the slot's new picture is on its way, at this moment.
 */
export interface StageSwitched {
  slot: number;
  kind: "audio" | "video";
  venue_id?: string | null;
}
export interface ParsedVenues {
  venues: NewVenue[];
  problems: CsvProblem[];
}
/**
 * GET /api/recordings/{recording_id}. Files: …/files/program.webm (ranges), chapters.vtt,
 * manifest.jsonl; POST …/finalize tries again; POST …/verify → Verification.
 */
export interface RecordingDetail {
  recording: RecordingItem;
  chapters: Chapter[];
  tracks: TrackItem[];
  files: string[];
}
/**
 * `state`: `recording` → `captured` → `finalizing` (progress 0–1) → `ready` | `failed`.
 */
export interface RecordingItem {
  recording_id: string;
  session_id: string;
  session_title: string;
  state: "recording" | "captured" | "finalizing" | "ready" | "failed";
  progress: number;
  started_at: number;
  ended_at?: number | null;
  duration?: number | null;
  size?: number | null;
  error?: string | null;
}
/**
 * One captured track file; GET /api/recordings/{recording_id}/files/{name} downloads it.
 */
export interface TrackItem {
  name: string;
  venue_id: string;
  venue_name: string;
  source: string;
  size: number;
  started_at: number;
}
/**
 * GET /api/recordings (archivist, host, admin).
 */
export interface RecordingList {
  recordings: RecordingItem[];
}
export interface RtcpParameters1 {
  cname?: string | null;
  reducedSize?: boolean;
  mux?: boolean;
}
/**
 * GET /api/sessions/{session_id}. GET /api/sessions/{session_id}/venues/{venue_id}/qr.svg gives
 * the QR code; POST …/venues/{venue_id}/link → VenueLink revokes the old link and makes a new one.
 */
export interface SessionDetail {
  session: SessionItem;
  links: VenueLink[];
}
export interface SessionItem {
  session_id: string;
  title: string;
  phase: "scheduled" | "open" | "live" | "paused" | "ended" | "archived";
  created_at: number;
  started_at?: number | null;
  ended_at?: number | null;
  venue_count: number;
  connected_count: number;
}
/**
 * The join link of a venue. `url` is absolute: `<public_url>/join/<token>`.
 */
export interface VenueLink {
  venue_id: string;
  name: string;
  kind: "main" | "branch";
  url: string;
  expires_at: number;
  revoked: boolean;
}
/**
 * GET /api/sessions.
 */
export interface SessionList {
  sessions: SessionItem[];
}
/**
 * POST /api/setup: redeem the one-time link of the first start. → Account
 */
export interface Setup {
  token: string;
  username?: string;
  password: string;
}
/**
 * POST /api/venues/csv → ParsedVenues: nothing is stored. Columns: name[, kind]; header
 * optional, Chinese headers (名称, 类型) and kinds (主会场, 分会场) understood; separated by
 * comma, tab or semicolon.
 */
export interface VenueCsv {
  text: string;
}
/**
 * `intact`: every segment's hash and the chain agree with the files.
 */
export interface Verification {
  intact: boolean;
  segments: number;
  bytes: number;
  problems: VerificationProblem[];
  checked_at: number;
}
export interface VerificationProblem {
  file: string;
  code: string;
  message: string;
}

// A browser client for test_worker_chromium.py: mediasoup-client straight onto the worker's
// control messages, which the page's server passes on.
import { Device } from 'mediasoup-client'

const socket = new WebSocket(`ws://${location.host}/control`)
const opened = new Promise((resolve) => socket.addEventListener('open', resolve))
const pending = new Map()
let next = 0

socket.addEventListener('message', ({ data }) => {
  const { id, result, error } = JSON.parse(data)
  const { resolve, reject } = pending.get(id)
  pending.delete(id)
  if (error) reject(new Error(`${error.code}: ${error.message}`))
  else resolve(result)
})

async function call(method, params) {
  await opened
  const id = ++next
  return new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject })
    socket.send(JSON.stringify({ id, method, params }))
  })
}

async function makeTransport(direction, venue) {
  const device = new Device()
  await device.load({ routerRtpCapabilities: await call('router.capabilities', { codec: 'vp8' }) })
  const made = await call('transport.create', {
    epoch: 1,
    session_id: 's',
    transport_id: `${venue}-${direction}-${Date.now()}`,
    direction,
    venue_id: venue,
  })
  const options = {
    id: made.transport_id,
    iceParameters: made.ice_parameters,
    iceCandidates: made.ice_candidates,
    dtlsParameters: made.dtls_parameters,
  }
  const transport =
    direction === 'send' ? device.createSendTransport(options) : device.createRecvTransport(options)
  transport.on('connect', ({ dtlsParameters }, done, failed) => {
    call('transport.connect', { transport_id: transport.id, dtls_parameters: dtlsParameters }).then(
      done,
      failed,
    )
  })
  window.transport = transport
  return { device, transport }
}

window.publish = async (venue) => {
  const { transport } = await makeTransport('send', venue)
  transport.on('produce', ({ kind, rtpParameters }, done, failed) => {
    const source = kind === 'video' ? 'camera' : 'microphone'
    const id = `${transport.id}-${source}`
    call('producer.create', {
      transport_id: transport.id,
      producer_id: id,
      publication: { venue_id: venue, source, generation: 1 },
      kind,
      rtp_parameters: rtpParameters,
    }).then(() => done({ id }), failed)
  })
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { width: 640, height: 360, frameRate: 30 },
    audio: true,
  })
  await transport.produce({ track: stream.getVideoTracks()[0], encodings: [{ maxBitrate: 900_000 }] })
  await transport.produce({
    track: stream.getAudioTracks()[0],
    codecOptions: { opusDtx: false, opusFec: true },
  })
}

window.watch = async (venue) => {
  const { device, transport } = await makeTransport('recv', venue)
  const targets = [1, 2].flatMap((slot) => [
    { type: 'slot', slot, kind: 'video' },
    { type: 'slot', slot, kind: 'audio' },
  ])
  targets.push({ type: 'audio_bus', bus: 1 })
  const { consumers } = await call('consumers.create', {
    transport_id: transport.id,
    rtp_capabilities: device.recvRtpCapabilities,
    targets,
  })
  for (const made of consumers) {
    const consumer = await transport.consume({
      id: made.consumer_id,
      producerId: made.producer_id,
      kind: made.kind,
      rtpParameters: made.rtp_parameters,
      streamId: made.stream_id,
    })
    const element = document.createElement(made.kind)
    element.id = made.producer_id
    element.autoplay = true
    element.srcObject = new MediaStream([consumer.track])
    document.body.append(element)
  }
}

window.figures = async () => {
  const figures = { inbound: {}, outbound: {}, connection: window.transport?.connectionState }
  for (const report of (await window.transport.getStats()).values()) {
    if (report.type === 'transport') figures.srtpCipher = report.srtpCipher
    if (report.type === 'inbound-rtp') figures.inbound[`${report.kind}-${report.mid}`] = report
    if (report.type === 'outbound-rtp') figures.outbound[report.kind] = report
    if (report.type === 'remote-inbound-rtp') figures.outbound[`${report.kind}-remote`] = report
  }
  return figures
}

window.picture = (id) => {
  const video = document.getElementById(id)
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 8
  const context = canvas.getContext('2d')
  context.drawImage(video, 0, 0, 8, 8)
  return Array.from(context.getImageData(4, 4, 1, 1).data.slice(0, 3))
}

// Plays a doctor's software: `node lps.js FOLDER`, the folder that tests/foreign/foreign_desk.py fills.
// One line per result, its values separated by tabs.
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import { join } from 'node:path'
import soap from 'soap'

const WSA = 'http://www.w3.org/2005/08/addressing'
const WSSE = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'
const UNIQUE_ID = 'urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab'
const FIND_DOCUMENTS = 'urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d'

const folder = process.argv[2]
const read = (name) => readFileSync(join(folder, name))
const facts = Object.fromEntries(
  read('facts.properties').toString().trim().split('\n').map((line) => {
    const equals = line.indexOf('=')
    return [line.slice(0, equals), line.slice(equals + 1)]
  })
)
const tls = { pfx: read('card.p12'), passphrase: facts.password, ca: read('ca.pem') }
const say = (...words) => console.log(words.join('\t'))

// The contract is fetched from the server, over the same mutual TLS as the calls.
async function client (service) {
  const made = await soap.createClientAsync(`${facts.url}/${service}?wsdl`, {
    forceSoap12Headers: true,
    normalizeNames: true,
    parseReponseAttachments: true,
    wsdl_options: { httpsAgent: new https.Agent(tls) }
  })
  made.setSecurity(new soap.ClientSSLSecurityPFX(tls.pfx, tls.passphrase, { ca: tls.ca }))
  return made
}

// The package knows no WS-Addressing: its headers, and the VIHF as it was signed, are written by hand.
function headers (made, service, action, token = 'vihf.xml') {
  const vihf = read(token).toString().replace(/^<\?xml[^>]*\?>/, '')
  made.clearSoapHeaders()
  made.addSoapHeader(`<wsa:Action xmlns:wsa="${WSA}">${action}</wsa:Action>`)
  made.addSoapHeader(`<wsa:MessageID xmlns:wsa="${WSA}">urn:uuid:${randomUUID()}</wsa:MessageID>`)
  made.addSoapHeader(`<wsa:To xmlns:wsa="${WSA}">${facts.url}/${service}</wsa:To>`)
  made.addSoapHeader(`<wsse:Security xmlns:wsse="${WSSE}">${vihf}</wsse:Security>`)
}

const device = (typeCode, root, softwareName) => ({
  attributes: { typeCode },
  device: {
    attributes: { classCode: 'DEV', determinerCode: 'INSTANCE' },
    id: { attributes: { root } },
    softwareName
  }
})
const code = (value) => ({ attributes: { code: value } })

async function existence (made, token) {
  headers(made, 'patients', 'urn:hl7-org:v3:PRPA_IN201307UV02', token)
  const software = '1.2.250.1.999.1.1.7898'
  const now = new Date().toISOString().replace(/[-:T]/g, '').slice(0, 14)
  const [answer] = await made.PatientGetDemographics_PRPA_IN201307UV02Async({
    attributes: { ITSVersion: 'XML_1.0' },
    id: { attributes: { root: software, extension: randomUUID() } },
    creationTime: { attributes: { value: now } },
    interactionId: { attributes: { root: '2.16.840.1.113883.1.6', extension: 'PRPA_IN201307UV02' } },
    processingCode: code('D'),
    processingModeCode: code('T'),
    acceptAckCode: code('AL'),
    receiver: device('RCV', '1.2.250.1.213.4.1.1.1', 'DMP'),
    sender: device('SND', software, 'node'),
    controlActProcess: {
      attributes: { classCode: 'CACT', moodCode: 'EVN' },
      reasonCode: { attributes: { code: 'TEST_EXST', codeSystem: '1.2.250.1.213.1.1.4.11' } },
      queryByParameter: {
        queryId: { attributes: { root: software, extension: randomUUID() } },
        statusCode: code('new'),
        parameterList: {
          patientIdentifier: {
            value: { attributes: { root: facts.authority, extension: facts.ins } },
            semanticsText: 'Patient.id'
          }
        }
      }
    }
  })
  return answer
}

const result = (response) => {
  const status = response.attributes.status.split(':').pop()
  const errors = response.RegistryErrorList?.RegistryError
  return errors ? `${status} ${[errors].flat()[0].attributes.errorCode}` : status
}

async function retrieve (made, uniqueId) {
  headers(made, 'repository', 'urn:ihe:iti:2007:RetrieveDocumentSet')
  const [answer, , , , parts] = await made.DocumentRepository_RetrieveDocumentSetAsync({
    DocumentRequest: { RepositoryUniqueId: facts.repository, DocumentUniqueId: uniqueId }
  }, { forceMTOM: true })
  return { answer, parts }
}

const patients = await client('patients')
const found = await existence(patients)
const authorisation = [found.attentionLine].flat().find((l) => l.keyWordText.attributes.code === 'AUTORISATION')
say('TD0.2',
  [found.acknowledgement].flat()[0].attributes.typeCode,
  found.controlActProcess.queryAck.queryResponseCode.attributes.code,
  authorisation.value.attributes.code)

try {
  await existence(patients, 'vihf-altered.xml')
} catch (error) {
  const fault = error.root.Envelope.Body.Fault
  say('altered VIHF', fault.Code.Subcode.Value.split(':').pop(), fault.Reason.Text.$value)
}

const rights = await client('habilitations')
headers(rights, 'habilitations', 'urn:si-dmp-habilitations:HabilitationsEndPoint:setAuthorization')
const [authorised] = await rights.setAuthorizationAsync({ action: 'AJOUT' })
say('TD0.3', authorised.output.status)

const repository = await client('repository')
headers(repository, 'repository', 'urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b')
const ids = facts.documents.split(' ')
const documents = ids.map((id) =>
  `<Document xmlns="urn:ihe:iti:xds-b:2007" id="${id}">` +
  `<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:${id}@lps"/></Document>`)
const [deposited] = await repository.DocumentRepository_ProvideAndRegisterDocumentSet_bAsync(
  { $xml: read('submit-objects.xml').toString() + documents.join('') },
  {
    attachments: ids.map((id) => ({
      name: `${id}.xml`, contentId: `${id}@lps`, mimetype: 'application/octet-stream', body: read(`${id}.xml`)
    }))
  })
say('TD2.1', result(deposited))

const registry = await client('registry')
headers(registry, 'registry', 'urn:ihe:iti:2007:RegistryStoredQuery')
const slot = (name, value) => ({ attributes: { name }, ValueList: { Value: value } })
const [listed] = await registry.DocumentRegistry_RegistryStoredQueryAsync({
  ResponseOption: { attributes: { returnType: 'LeafClass', returnComposedObjects: 'true' } },
  AdhocQuery: {
    attributes: { id: FIND_DOCUMENTS },
    Slot: [
      slot('$XDSDocumentEntryPatientId', `'${facts.cx}'`),
      slot('$XDSDocumentEntryStatus', "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')")
    ]
  }
})
for (const entry of [listed.RegistryObjectList.ExtrinsicObject].flat()) {
  const id = [entry.ExternalIdentifier].flat().find((i) => i.attributes.identificationScheme === UNIQUE_ID)
  if (id.attributes.value === facts.uniqueId) {
    say('TD3.1', entry.Name.LocalizedString.attributes.value, entry.attributes.mimeType)
  }
}

const { answer, parts } = await retrieve(repository, facts.uniqueId)
say('TD3.2', result(answer.RegistryResponse), createHash('sha256').update(parts.parts[0].body).digest('hex'))
say('unknown document', result((await retrieve(repository, '1.2.3.4.5')).answer.RegistryResponse))

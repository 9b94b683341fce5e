/** The protocols between the programs. */
export const ENROLMENT = "https://credential-desk.example/protocols/enrolment/1.0";
export const VAULT = "https://credential-desk.example/protocols/vault/1.0";

/** Type of the credentials that the desk issues. */
export const EMPLOYEE_CREDENTIAL = "EmployeeCredential";
